package cert

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

func revokeCommand(a *command.App) *cobra.Command {
	var ca string
	cmd := &cobra.Command{
		Use:   "revoke --ca FOLDER NAME|SERIAL",
		Short: "Revoke all certificates of a name, or one, in the authority's list",
		Long: `revoke writes ca.crl in the authority's folder. Copy it to donors, devices and
dashboards, for --revoked: within seconds they end what a revoked certificate has, and
refuse it. A certificate that is issued afterwards under the same name is a new one.`,
		Args: a.OneArg("NAME or SERIAL of the certificate"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ca == "" {
				return usage.Errorf("--ca FOLDER is needed")
			}
			revoked, err := control.Revoke(ca, args[0])
			if err != nil {
				return flags.BadName(err)
			}
			out := cmd.OutOrStdout()
			for _, i := range revoked {
				if _, err := fmt.Fprintf(out, "revoked %s %s\n", i.Name, i.Serial); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(out, "copy %s to every donor, device and dashboard, for --revoked\n", control.RevocationList(ca))
			return err
		},
	}
	cmd.Flags().StringVar(&ca, "ca", "", "folder of the certificate authority")
	return cmd
}
