// Package bench is `farswap bench`: it measures swap, and what swap travels over.
package bench

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
)

// Command returns `farswap bench`.
func Command(a *command.App) *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure swap, and what it travels over, with workloads that check every byte"}
	cmd.AddCommand(pagingCommand(a), compareCommand(a), pingPongCommand(a), verbsCommand(a), loadCommand(a), growCommand(a), workCommand(a))
	cmd.AddCommand(listCommand(a), runCommand(a), reportCommand(a))
	command.Group(cmd)
	return cmd
}
