package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/sim"
	"github.com/farswap/farswap/sim/plots"
)

// scaleResult is the last simulation, and all of them.
type scaleResult struct {
	sim.ScaleRun
	Runs []sim.ScaleRun `json:"runs"`
}

func scaleCommand(a *command.App) *cobra.Command {
	o, drawing := &simOptions{}, &plotOptions{}
	var machines []int
	var hours float64
	var known int
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Simulate up to 65,535 machines, and measure the simulator",
		Long: `scale runs the workload file's programs on --machines machines with 2.8 containers each,
and says how much time and memory the simulator took. With several numbers of machines
it runs one simulation after the other; --json has the figures of the last one on top
and those of all in "runs".`,
		Example: "  farswap sim scale --machines 10000 --hours 1 --json\n  farswap sim scale --machines 100,1000,10000 --plot pictures",
		Args:    a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := o.config()
			if err != nil {
				return err
			}
			if len(machines) == 0 {
				return usage.Errorf("--machines: want at least one number")
			}
			if known < 1 {
				return usage.Errorf("--known %d: want at least 1", known)
			}
			config.Known = known
			for _, n := range machines { // before any of them runs
				if err := sim.ScaleConfig(config, n, hours).Validate(); err != nil {
					return usage.Wrap(err)
				}
			}
			if err := drawing.check(); err != nil {
				return err
			}
			var result scaleResult
			err = simulate(cmd, func(ctx context.Context, progress func(float64)) error {
				for _, n := range machines {
					r, err := sim.Scale(ctx, sim.ScaleConfig(config, n, hours), func(second, of int) {
						progress(float64(second) / float64(of))
					})
					if err != nil {
						return err
					}
					result.ScaleRun, result.Runs = r, append(result.Runs, r)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if drawing.folder != "" {
				_, scaleErr := plots.Scale(drawing.folder, drawing.format, result.Runs)
				_, resultErr := plots.Result(drawing.folder, drawing.format, result.Result)
				err = errors.Join(scaleErr, resultErr)
			}
			if o.asJSON {
				return errors.Join(err, command.PrintJSON(cmd.OutOrStdout(), result))
			}
			return errors.Join(err, writeScale(cmd.OutOrStdout(), result.Runs))
		},
	}
	o.register(cmd)
	drawing.register(cmd)
	f := cmd.Flags()
	f.IntSliceVar(&machines, "machines", []int{100, 1000, 10000}, "numbers of machines, 2 to 65535")
	f.Float64Var(&hours, "hours", 1, "virtual time")
	f.IntVar(&known, "known", sim.ScaleKnown, "donors that a device knows, chosen at random")
	return cmd
}

func writeScale(w io.Writer, runs []sim.ScaleRun) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "machines\tcontainers\thours\twall time\tprocessor\tpeak memory\tevents\tns/event\tprocessor ns\tused\twith\tmax/median\tevictions\t")
	for _, r := range runs {
		fmt.Fprintf(t, "%d\t%d\t%g\t%.1f s\t%.1f s\t%s\t%d\t%.0f\t%.0f\t%.1f%%\t%.1f%%\t%.2f\t%d\t\n",
			r.Machines, r.Containers, r.Hours, r.WallSeconds, r.CPUSeconds, human.Bytes(r.PeakBytes), r.Events,
			r.NanosPerEvent, r.CPUNanosPerEvent, r.UsedWithout, r.UsedWith, r.MaxOverMedian, r.Evictions)
	}
	return t.Flush()
}
