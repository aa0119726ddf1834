package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/program"
)

// Version returns the command that prints a program's version.
func Version(a *App) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return PrintJSON(cmd.OutOrStdout(), a.Stamp.Here())
			}
			return printVersion(cmd, a.Stamp)
		},
	}
	JSONFlag(cmd, &asJSON)
	return cmd
}

func printVersion(cmd *cobra.Command, stamp program.Stamp) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", cmd.Root().Name(), stamp.Here())
	return err
}
