package cert

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

func issueCommand(a *command.App) *cobra.Command {
	var ca, name string
	var hosts []string
	cmd := &cobra.Command{
		Use:   "issue --ca FOLDER --name NAME [--host HOST]… FOLDER",
		Short: "Make the identity of one machine in a folder",
		Args:  a.OneArg("FOLDER, where the identity is made,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ca == "" || name == "" {
				return usage.Errorf("--ca FOLDER and --name NAME are needed")
			}
			if err := control.Issue(ca, args[0], name, hosts); err != nil {
				return flags.BadName(err)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "issued %s in %s: copy that folder to its machine, for --cert\n", name, args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&ca, "ca", "", "folder of the certificate authority")
	cmd.Flags().StringVar(&name, "name", "", "what other machines know this one by")
	cmd.Flags().StringSliceVar(&hosts, "host", nil, "host name or IP address that devices reach a donor under; repeat it for more")
	return cmd
}
