package cluster

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/cluster"
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
	cmd.AddCommand(key(a), members(a))
	command.Group(cmd)
	return cmd
}

func key(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use:   "key FILE",
		Short: "Make a new key for a cluster's gossip in a file",
		Args:  a.OneArg("FILE, where the key is made,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cluster.WriteKey(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "made a gossip key in %s: keep it secret, and copy it to every member, for --gossip-key\n", args[0])
			return err
		},
	}
}
