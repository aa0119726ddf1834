// Package doctor is `farswap doctor`: it says in words what package machine finds.
package doctor

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/status"
)

// Command returns `farswap doctor`.
func Command(a *command.App) *cobra.Command {
	var target string
	var asJSON bool
	options := &flags.RDMA{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do, what would be used, and why",
		Long: `doctor looks at what a device, a donor and RDMA need of this machine. It says what is
missing and what to do about it, and what is amiss with the devices and donors that
run here. It changes nothing and contacts no other machine; --for only resolves the
donor's name. Any user may run it, and root sees most.

It fails when this machine cannot serve a device, not even over TCP.`,
		Example: "  farswap doctor --for mem1:9400",
		Args:    a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := options.Config()
			if err != nil {
				return err
			}
			for _, name := range flags.RDMANames {
				if target == "" && cmd.Flags().Changed(name) {
					return usage.Errorf("--%s means nothing without --for", name)
				}
			}
			m := machine.Here()
			e, err := examine(m, installed.check(cmd.Context(), a.Stamp.Here()), servedChecks(cmd.Context(), m, status.DefaultRoot)...)
			if err != nil {
				return err
			}
			if target != "" {
				if e.For, err = e.wayTo(cmd.Context(), m, target, *config); err != nil {
					return err
				}
			}
			if asJSON {
				err = command.PrintJSON(cmd.OutOrStdout(), e)
			} else {
				err = writeExamination(cmd.OutOrStdout(), e)
			}
			return errors.Join(err, e.unfit())
		},
	}
	f := cmd.Flags()
	f.StringVar(&target, "for", "", "HOST[:PORT] of a donor: show the way to it")
	options.Register(f)
	command.JSONFlag(cmd, &asJSON)
	return cmd
}
