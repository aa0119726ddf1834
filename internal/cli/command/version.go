package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Version returns the command that prints a program's version.
func Version(a *App) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := a.Stamp.Here()
			if asJSON {
				return PrintJSON(cmd.OutOrStdout(), v)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", cmd.Root().Name(), v)
			return err
		},
	}
	JSONFlag(cmd, &asJSON)
	return cmd
}
