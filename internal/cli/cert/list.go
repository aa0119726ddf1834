package cert

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
)

func listCommand(a *command.App) *cobra.Command {
	var ca string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list --ca FOLDER",
		Short: "List what an authority has issued",
		Args:  a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if ca == "" {
				return usage.Errorf("--ca FOLDER is needed")
			}
			list, err := control.ListIssued(ca)
			if err != nil {
				return err
			}
			if asJSON {
				if list == nil {
					list = []control.Issued{} // not null in JSON
				}
				return command.PrintJSON(cmd.OutOrStdout(), list)
			}
			return writeList(cmd.OutOrStdout(), list, time.Now())
		},
	}
	cmd.Flags().StringVar(&ca, "ca", "", "folder of the certificate authority")
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

func writeList(w io.Writer, list []control.Issued, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tROLES\tSERIAL\tENDS\tSTATE")
	for _, i := range list {
		name, roles := i.Name, control.JoinRoles(i.Roles, ", ")
		if name == "" { // revoked by its serial number alone
			name, roles = "-", "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", name, roles, i.Serial, day(i.NotAfter), state(i, now))
	}
	return t.Flush()
}

// state says whether a certificate is good.
func state(i control.Issued, now time.Time) string {
	switch {
	case i.Revoked != nil:
		return "revoked " + day(*i.Revoked)
	case now.After(i.NotAfter):
		return "ended"
	}
	return "good"
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// shown is what `cert show` prints.
type shown struct {
	control.Issued
	Authority   string `json:"authority"`
	RolesStated bool   `json:"roles_stated"` // false: the roles are those that the key usage allows
	SecondsLeft int64  `json:"seconds_left"` // negative: it has ended
}

func showCommand(a *command.App) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show FOLDER",
		Short: "Show the certificate in an identity's folder",
		Args:  a.OneArg("FOLDER of the identity"),
		RunE: func(cmd *cobra.Command, args []string) error {
			i, stated, authority, err := control.ShowIdentity(args[0])
			if err != nil {
				return err
			}
			s := shown{i, authority, stated, int64(time.Until(i.NotAfter).Seconds())}
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), s)
			}
			return writeShown(cmd.OutOrStdout(), s)
		},
	}
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

func writeShown(w io.Writer, s shown) error {
	roles := control.JoinRoles(s.Roles, ", ")
	if !s.RolesStated {
		roles += " (not stated: what the key usage allows)"
	}
	left := fmt.Sprintf("in %d days", s.SecondsLeft/86400)
	if s.SecondsLeft < 0 {
		left = "it has ended"
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "name\t%s\nroles\t%s\nhosts\t%s\nserial\t%s\nauthority\t%s\nends\t%s, %s\n",
		s.Name, roles, strings.Join(s.Hosts, ", "), s.Serial, s.Authority, day(s.NotAfter), left)
	return t.Flush()
}
