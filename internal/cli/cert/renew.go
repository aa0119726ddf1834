package cert

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

func renewCommand(a *command.App) *cobra.Command {
	var ca string
	var roles []string
	cmd := &cobra.Command{
		Use:   "renew --ca FOLDER [--role ROLE]… FOLDER",
		Short: "Issue an identity anew, under the same name and for the same hosts",
		Long: `renew replaces certificate and key in an identity's folder. Servers that use the folder
read it again by themselves and go on; copy it to its machine if it is elsewhere.

The authority may be another one than before. Its certificate is then added to ca.crt,
so that the identity trusts both until the old one is removed from there.`,
		Args: a.OneArg("FOLDER of the identity"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ca == "" {
				return usage.Errorf("--ca FOLDER is needed")
			}
			as, err := parseRoles(roles)
			if err != nil {
				return err
			}
			i, err := control.Renew(ca, args[0], as...)
			if err != nil {
				return flags.BadName(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "renewed %s (%s) in %s until %s\n", i.Name, control.JoinRoles(i.Roles, ", "), args[0], day(i.NotAfter))
			return err
		},
	}
	cmd.Flags().StringVar(&ca, "ca", "", "folder of the certificate authority")
	roleFlag(cmd.Flags(), &roles, "those of before")
	return cmd
}
