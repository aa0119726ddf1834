// Package device is what `farswap ublk` says and does about devices that a server serves or
// left behind: it asks the servers over their sockets, and the kernel.
package device

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
)

// Commands returns the commands below `farswap ublk`, but for add.
func Commands(a *command.App) []*cobra.Command {
	return []*cobra.Command{listCommand(a), statusCommand(a), eventsCommand(a), whyCommand(a), stopCommand(a), upgradeCommand(a), deleteCommand(a)}
}
