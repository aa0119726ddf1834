// Package sim is `farswap sim`: placement and eviction on virtual machines, in virtual time.
package sim

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
)

// Command returns `farswap sim`.
func Command(a *command.App) *cobra.Command {
	cmd := &cobra.Command{Use: "sim", Short: "Try placement and eviction on virtual machines, in virtual time"}
	cmd.AddCommand(paperCommand(a), policiesCommand(a), latencyCommand(a), scaleCommand(a))
	command.Group(cmd)
	return cmd
}
