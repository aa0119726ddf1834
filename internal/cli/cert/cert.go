package cert

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

// Command returns `farswap cert`.
func Command(a *command.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "Make a certificate authority and identities of machines",
		Long: `Device and donor prove who they are with certificates of one authority.

  farswap cert init /root/farswap-ca
  farswap cert issue --ca /root/farswap-ca --name db1 /root/db1
  farswap cert issue --ca /root/farswap-ca --name mem1 --host mem1.lan --host 10.0.0.7 /root/mem1

Keep the authority's folder off the machines that run farswap. Copy each
identity's folder to its machine and name it with --cert.`,
	}
	cmd.AddCommand(initialize(a), issue(a))
	command.Group(cmd)
	return cmd
}

func initialize(a *command.App) *cobra.Command {
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

func issue(a *command.App) *cobra.Command {
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
