package command

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/usage"
)

// helpCommand is `farswap help`. Cobra's own succeeds for a command that does not exist.
func helpCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]…",
		Short: "Show the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			a.path = root.CommandPath()
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage.Errorf("unknown command %q", rest)
			}
			return about.Help()
		},
	}
}
