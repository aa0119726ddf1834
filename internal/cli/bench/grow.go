package bench

import (
	"errors"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
)

func growCommand(a *command.App) *cobra.Command {
	var size, rate, below flags.Size
	config := benchmarks.GrowConfig{}
	cmd := &cobra.Command{
		Use:   "grow --size SIZE",
		Short: "Use more and more memory at a fixed rate, and check pages of it",
		Long: `grow is a program that needs memory which a donor on its machine has lent. It takes memory
at a fixed rate and touches every page. Twenty times a second, and for a while afterwards,
it checks some of the pages. The work is always the same, so the busy times of a run beside
a donor and of one without a donor show what the donor costs. With --below it also tells
when the machine had less memory available, and when it had more again.`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config.Size, config.Rate, config.Below = int64(size), int64(rate), int64(below)
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			result, err := benchmarks.RunGrow(ctx, config)
			if result.Steps == 0 { // nothing was measured
				return err
			}
			return errors.Join(err, command.PrintJSON(cmd.OutOrStdout(), result))
		},
	}
	f := cmd.Flags()
	f.StringVar(&config.Name, "name", "program", "name of the result")
	f.Var(&size, "size", "memory to grow to")
	rate = 200_000_000
	f.Var(&rate, "rate", "growth a second")
	f.DurationVar(&config.After, "after", 5*time.Second, "how long to go on checking afterwards")
	f.IntVar(&config.Checks, "checks", 500, "pages to check in each twentieth of a second")
	f.Var(&below, "below", "available memory of the machine below which it is short; 0 does not look")
	f.Uint64Var(&config.Seed, "seed", 1, "what contents and order follow from")
	return cmd
}
