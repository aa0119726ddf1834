package cert

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
)

func initCommand(a *command.App) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "init FOLDER",
		Short: "Make a certificate authority in a folder",
		Args:  a.OneArg("FOLDER, where the authority is made,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := control.InitCA(args[0], name); err != nil {
				return flags.BadName(err)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "made a certificate authority in %s: keep ca.key secret\n", args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "farswap", "name of the authority")
	return cmd
}
