// Package cert is `farswap cert`: a certificate authority and identities of machines.
package cert

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
)

// Command returns `farswap cert`.
func Command(a *command.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "Make a certificate authority and identities of machines, renew and revoke them",
		Long: `Device and donor prove who they are with certificates of one authority.

  farswap cert init ca
  farswap cert issue --ca ca --role device --name db1 db1
  farswap cert issue --ca ca --role donor --name mem1 --host mem1.lan --host 10.0.0.7 mem1
  farswap cert renew --ca ca db1
  farswap cert revoke --ca ca mem1

A donor takes devices only, and a device uses donors only; dashboards and metrics are for
viewers, and served by them. Keep the authority's folder off the machines that run farswap. Copy each
identity's folder to its machine and name it with --cert.`,
	}
	cmd.AddCommand(initCommand(a), issueCommand(a), listCommand(a), showCommand(a), renewCommand(a), revokeCommand(a))
	command.Group(cmd)
	return cmd
}
