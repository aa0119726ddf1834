package sim

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/sim"
)

func policiesCommand(a *command.App) *cobra.Command {
	o := &simOptions{}
	var runs int
	cmd := &cobra.Command{
		Use:   "policies",
		Short: "Placements, numbers of candidates and slab sizes side by side",
		Long: `policies runs the cluster of sim paper with one thing varied at a time: placement
(random, of two, of three, each with and without preferring donors that hold no slab
of the device), E′ (0, 2, 10) and the slab size (4 MiB to 1 GiB). Each row is an
average over placements of the containers, the same for all rows.

  activity   page I/Os per second of the slabs that were evicted: what it costs
  map data   slab maps of all devices
  map        how long mapping a slab takes on average, by the workload file's model:
             a constant, and a part for each byte of a slab that was not prepared
  move       how long copying a slab to another donor takes, by the same model`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := o.config()
			if err != nil {
				return err
			}
			if runs < 1 || runs > maxRuns {
				return usage.Errorf("--runs %d: want 1 to %d", runs, maxRuns)
			}
			var tables []sim.Table
			err = simulate(cmd, func(ctx context.Context, progress func(float64)) error {
				var err error
				tables, err = sim.Policies(ctx, config, runs, progress)
				return err
			})
			switch {
			case err != nil:
				return err
			case o.asJSON:
				return command.PrintJSON(cmd.OutOrStdout(), tables)
			}
			return sim.WriteTables(cmd.OutOrStdout(), tables)
		},
	}
	o.register(cmd)
	cmd.Flags().IntVar(&runs, "runs", 20, "placements of the containers to average over")
	return cmd
}
