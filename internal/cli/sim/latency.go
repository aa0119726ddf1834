package sim

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/sim"
	"github.com/farswap/farswap/swapdev"
)

// latencyRuns are one simulation under each placement.
type latencyRuns struct {
	Seed    uint64            `json:"seed"`
	Model   sim.Latency       `json:"model"`
	Latency sim.LatencyResult `json:"latency"`
	Paper   sim.LatencyResult `json:"paper"`
}

// simTail is how long a simulation goes on after the slow machine is well again.
const simTail = 5 * time.Minute

func latencyCommand(a *command.App) *cobra.Command {
	o, model := &simOptions{}, sim.DefaultLatency()
	from, length := time.Duration(model.From)*time.Second, time.Duration(model.For)*time.Second
	by := time.Duration(model.Add * float64(time.Millisecond))
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "A slow machine: its hot slabs leave, and it is used again when it is well",
		Long: `latency runs the cluster of sim paper with a model of how long page-ins take. The
machine that holds the most hot slabs is slow for a while. The simulation runs once with
the placement by latency, where a device judges its donors, and once with the paper's.

  SLABS   at the slow machine, and how many of them are hot
  SLOW TO devices that take it for slow
  MOVES   away from slow machines, so far
  P99     of all page-ins of the cluster in a period`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := o.config()
			if err != nil {
				return err
			}
			if from < time.Second || length < 0 || by < 0 {
				return usage.Errorf("--slow-from %v, --slow-for %v, --slow-by %v: want a second or more, and no less than 0", from, length, by)
			}
			model.From, model.For, model.Add = int(from.Seconds()), int(length.Seconds()), float64(by)/float64(time.Millisecond)
			config.Workload.Cluster.Hours = (from + length + simTail).Hours()
			config.Workload.Cluster.Warmup = min(config.Workload.Cluster.Warmup, from.Seconds())
			config.Latency = &model
			runs := latencyRuns{Seed: config.Seed, Model: model}
			err = simulate(cmd, func(ctx context.Context, progress func(float64)) error {
				for i, into := range []*sim.LatencyResult{&runs.Latency, &runs.Paper} {
					config.ByLatency = i == 0
					r, err := sim.Run(ctx, config, func(second, of int) { progress((float64(i) + float64(second)/float64(of)) / 2) })
					if err != nil {
						return err
					}
					*into = *r.Latency
				}
				return nil
			})
			switch {
			case err != nil:
				return err
			case o.asJSON:
				return command.PrintJSON(cmd.OutOrStdout(), runs)
			}
			return writeLatency(cmd.OutOrStdout(), runs)
		},
	}
	o.register(cmd)
	f := cmd.Flags()
	f.Float64Var(&model.Base, "base-ms", model.Base, "median of a page-in, in milliseconds")
	f.Float64Var(&model.Spread, "spread", model.Spread, "how much machines differ: σ of a log-normal")
	f.Float64Var(&model.Noise, "noise", model.Noise, "how much page-ins from one machine differ: σ of a log-normal")
	f.DurationVar(&from, "slow-from", from, "when a machine becomes slow")
	f.DurationVar(&length, "slow-for", length, "how long it is slow")
	f.DurationVar(&by, "slow-by", by, "what each of its page-ins takes longer")
	f.BoolVar(&model.All, "all-slow", false, "make all machines slow, not one")
	return cmd
}

// writeLatency shows the time from before the slowness to its end, in steps that grow.
func writeLatency(w io.Writer, runs latencyRuns) error {
	l := runs.Latency
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "SECOND\tSLABS\tHOT\tSLOW TO\tMOVES\tP99\t%s: HOT\tP99\t\n", swapdev.PlacementPaper)
	for i, m := range l.Series {
		end := runs.Model.From + runs.Model.For
		since := m.Second - runs.Model.From
		if m.Second >= end {
			since = m.Second - end
		}
		near := since >= 0 && since <= 30 && (runs.Model.For > 0 || m.Second <= end)
		if m.Second < runs.Model.From || !near && since%60 != 0 {
			continue
		}
		p := runs.Paper.Series[i]
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%.2f ms\t%d\t%.2f ms\t\n", m.Second, m.Slabs, m.Hot, m.SlowTo, m.Moves, m.P99, p.Hot, p.P99)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `
machine %d is slow from second %d to %d; it held %d slabs, %d of them hot
found after            %s
its hot slabs left in  %s
well again after       %s
given slabs after      %s
moves                  %d, %d of them away from machines that were well; no slab more than %d times in ten minutes
`, l.Machine, runs.Model.From, runs.Model.From+runs.Model.For, l.SlabsBefore, l.HotBefore,
		seconds(l.FoundAfter), seconds(l.GoneAfter), seconds(l.WellAfter), seconds(l.UsedAfter), l.Moves, l.Wrong, l.MostMoves)
	return err
}

func seconds(s int) string {
	if s < 0 {
		return "never"
	}
	return fmt.Sprint(s, " s")
}
