package show

import (
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/dash/top"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

// Top returns `farswap top`.
func Top(a *command.App) *cobra.Command {
	c := top.Config{ID: -1}
	cmd := &cobra.Command{
		Use:   "top [DEVICE]",
		Short: "Watch a device: latencies, traffic, slabs, donors, events",
		Long: `top shows a device on the terminal: a heatmap of its latency, quantiles by source,
traffic, where its slabs are, its donors, and the last events. Press h for the keys.

Where standard output is not a terminal it prints a frame for each interval.`,
		Args: a.PerhapsOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.Interval < feed.MinInterval || c.Interval > feed.MaxInterval {
				return usage.Errorf("--interval %v: want %v to %v", c.Interval, feed.MinInterval, feed.MaxInterval)
			}
			if len(args) > 0 {
				id, err := flags.ParseDevice(args[0])
				if err != nil {
					return err
				}
				c.ID = id
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			c.In, c.Out, c.Environ = os.Stdin, cmd.OutOrStdout(), os.Environ()
			return top.Run(ctx, c)
		},
	}
	flags.StateRoot(cmd, &c.Root)
	command.JSONFlag(cmd, &c.JSON)
	cmd.Flags().DurationVar(&c.Interval, "interval", time.Second, "time between two questions")
	cmd.Flags().BoolVar(&c.Once, "once", false, "print one frame, or with --json one object, after one interval, and end")
	return cmd
}
