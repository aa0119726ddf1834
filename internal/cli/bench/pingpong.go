package bench

import (
	"fmt"
	"net"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/human"
)

func pingPongCommand(a *command.App) *cobra.Command {
	var listen, connect string
	var duration time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pingpong --listen HOST:PORT | --connect HOST:PORT",
		Short: "Measure what a bare exchange over TCP takes: the floor under a page",
		Long: `pingpong sends 64 bytes and gets 4 KiB back, one exchange at a time, by blocking
system calls alone. Start it with --listen on one machine and --connect on the other:
what a page takes over TCP beyond that is farswap's and the block layer's.`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			switch {
			case (listen == "") == (connect == ""):
				return usage.Errorf("give either --listen or --connect HOST:PORT")
			case duration <= 0:
				return usage.Errorf("--duration %v: want a positive time", duration)
			case listen != "":
				if err := flags.CheckListen("listen", listen); err != nil {
					return err
				}
				l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
				if err != nil {
					return err
				}
				return benchmarks.ServePingPong(ctx, l)
			}
			if err := flags.CheckDial("connect", connect); err != nil {
				return err
			}
			p, err := benchmarks.RunPingPong(ctx, connect, duration)
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), p)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s exchanges, p50 %v, p99 %v\n",
				human.Count(float64(p.Count)), time.Duration(p.P50NS), time.Duration(p.P99NS))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "", "answer at HOST:PORT until SIGTERM or SIGINT")
	f.StringVar(&connect, "connect", "", "measure with what listens at HOST:PORT")
	f.DurationVar(&duration, "duration", 2*time.Second, "how long to measure")
	command.JSONFlag(cmd, &asJSON)
	return cmd
}
