package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/sim"
	"github.com/farswap/farswap/sim/plots"
	"github.com/farswap/farswap/slabmap"
)

func paperCommand(a *command.App) *cobra.Command {
	o, drawing := &simOptions{}, &plotOptions{}
	slab := flags.Size(slabmap.DefaultSlabSize)
	var runs, choices, extra int
	var anyDonor, drop, printWorkload bool
	cmd := &cobra.Command{
		Use:   "paper",
		Short: "The paper's cluster: how much of its memory is used, and how evenly",
		Long: `paper places the containers of the paper's cluster experiment on its machines at
random, runs them with the real placement, activity and eviction code, and says how
much of the cluster's memory is used without and with lending, and how evenly.

One placement says little, so it takes several, with seeds from --seed upwards, and
the figures are averages over them. Uses are in percent. What is used with lending
counts whole slabs; "live" is without the part of them that holds no page in use.`,
		Example: "  farswap sim paper --json\n  farswap sim paper --print-workload > my.toml\n  farswap sim paper --workload my.toml --plot pictures",
		Args:    a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printWorkload {
				_, err := io.WriteString(cmd.OutOrStdout(), sim.PaperWorkload())
				return err
			}
			config, err := o.config()
			if err != nil {
				return err
			}
			if runs < 1 || runs > maxRuns {
				return usage.Errorf("--runs %d: want 1 to %d", runs, maxRuns)
			}
			config.SlabSize, config.Choices, config.Extra = int64(slab), choices, extra
			config.AnyDonor, config.Drop = anyDonor, drop
			if err := drawing.check(); err != nil {
				return err
			}
			var s sim.Summary
			err = simulate(cmd, func(ctx context.Context, progress func(float64)) error {
				var err error
				s, err = sim.RunSeeds(ctx, config, runs, progress)
				return err
			})
			if err != nil {
				return err
			}
			if drawing.folder != "" {
				_, err = plots.Result(drawing.folder, drawing.format, s.Result)
			}
			if o.asJSON {
				return errors.Join(err, command.PrintJSON(cmd.OutOrStdout(), s))
			}
			return errors.Join(err, writeSummary(cmd.OutOrStdout(), s))
		},
	}
	o.register(cmd)
	drawing.register(cmd)
	f := cmd.Flags()
	f.IntVar(&runs, "runs", 10, "placements to average over")
	f.Var(&slab, "slab", "slab size, 4M to 1G")
	f.IntVar(&choices, "choices", 2, "donors asked for each slab; 1 places at random")
	f.BoolVar(&anyDonor, "any-donor", false, "do not prefer donors that hold no slab of the device")
	f.IntVar(&extra, "extra", 10, "E′: candidates asked for their activity beyond those to evict")
	f.BoolVar(&drop, "drop", false, "drop evicted slabs, as the paper does, in place of moving them")
	f.BoolVar(&printWorkload, "print-workload", false, "write the paper's workload file, with comments, and do nothing else")
	return cmd
}

// writeSummary writes the averages and what they range over.
func writeSummary(w io.Writer, s sim.Summary) error {
	fmt.Fprintf(w, "%d machines, %d containers, %d min after %d min, averages of %d placements\n\n",
		s.Machines, s.Containers, s.Seconds/60, s.MeasuredFrom/60, s.Runs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\twithout lending\twith\tfrom\tto\t")
	fmt.Fprintf(t, "memory used\t%.1f%%\t%.1f%%\t%.1f%%\t%.1f%%\t\n", s.UsedWithout, s.UsedWith, s.Range.UsedWith[0], s.Range.UsedWith[1])
	fmt.Fprintf(t, "  live\t\t%.1f%%\t\t\t\n", s.UsedLive)
	fmt.Fprintf(t, "max/median of machines\t%.2f\t%.2f\t%.2f\t%.2f\t\n", s.MaxOverMedianBare, s.MaxOverMedian, s.Range.MaxOverMedian[0], s.Range.MaxOverMedian[1])
	fmt.Fprintf(t, "max/min\t%.2f\t%.2f\t%.2f\t%.2f\t\n", s.MaxOverMinBare, s.MaxOverMin, s.Range.MaxOverMin[0], s.Range.MaxOverMin[1])
	fmt.Fprintf(t, "evictions\t\t%d\t%d\t%d\t\n", s.Evictions, s.Range.Evictions[0], s.Range.Evictions[1])
	fmt.Fprintf(t, "  moved, dropped\t\t%d, %d\t\t\t\n", s.Moved, s.Dropped)
	fmt.Fprintf(t, "slabs mapped\t\t%d\t\t\t\n", s.Maps)
	fmt.Fprintf(t, "machine-seconds below headroom\t\t%d\t\t\t\n", s.BelowHeadRoom)
	fmt.Fprintf(t, "  and memory lent was missing\t\t%d\t\t\t\n", s.HurtSeconds)
	return t.Flush()
}
