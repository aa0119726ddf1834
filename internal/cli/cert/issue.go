package cert

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

func issueCommand(a *command.App) *cobra.Command {
	var ca, name string
	var hosts, roles []string
	cmd := &cobra.Command{
		Use:   "issue --ca FOLDER --name NAME [--role ROLE]… [--host HOST]… FOLDER",
		Short: "Make the identity of one machine in a folder",
		Args:  a.OneArg("FOLDER, where the identity is made,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ca == "" || name == "" {
				return usage.Errorf("--ca FOLDER and --name NAME are needed")
			}
			as, err := parseRoles(roles)
			if err != nil {
				return err
			}
			if len(as) == 0 {
				as = []control.Role{control.RoleDevice}
				if len(hosts) > 0 {
					as = []control.Role{control.RoleDonor}
				}
			}
			if err := control.Issue(ca, args[0], name, hosts, as...); err != nil {
				return flags.BadName(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "issued %s (%s) in %s: copy that folder to its machine, for --cert\n", name, control.JoinRoles(as, ", "), args[0])
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&ca, "ca", "", "folder of the certificate authority")
	f.StringVar(&name, "name", "", "what other machines know this one by")
	f.StringSliceVar(&hosts, "host", nil, "host name or IP address that devices reach a donor under; repeat it for more")
	roleFlag(f, &roles, "donor if there is a --host, else device")
	return cmd
}

func roleFlag(f *pflag.FlagSet, roles *[]string, otherwise string) {
	f.StringSliceVar(roles, "role", nil, "donor, device or viewer: what the machine may be; repeat it for more; if not given, "+otherwise)
}

func parseRoles(names []string) ([]control.Role, error) {
	var roles []control.Role
	for _, name := range names {
		role, err := control.ParseRole(name)
		if err != nil {
			return nil, usage.Errorf("--role: %w", err)
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles, nil
}
