package cluster

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/internal/cli/command"
)

func keyCommand(a *command.App) *cobra.Command {
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
