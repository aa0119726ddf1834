// Package cluster is `farswap cluster`: the key of a cluster's gossip, and who takes part.
package cluster

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
)

// Command returns `farswap cluster`.
func Command(a *command.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Make a cluster's key, and show who is in the cluster",
		Long: `Donors and devices of one cluster find each other by gossip, encrypted under one
key.

  farswap cluster key /etc/farswap/gossip.key
  farswap cluster members --gossip-key /etc/farswap/gossip.key --join mem1:9403

Copy the key to every machine of the cluster. Whoever has it can announce donors;
who a donor is, its certificate proves.`,
	}
	cmd.AddCommand(keyCommand(a), membersCommand(a))
	command.Group(cmd)
	return cmd
}
