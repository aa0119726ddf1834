// Package donor is what `farswap donor` says and does about donors of this machine that
// serve: it asks them over their sockets.
package donor

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
)

// Commands returns the commands below `farswap donor`.
func Commands(a *command.App) []*cobra.Command {
	return []*cobra.Command{statusCommand(a), drainCommand(a), resizeCommand(a), upgradeCommand(a)}
}
