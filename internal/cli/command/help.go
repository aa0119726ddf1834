package command

import (
	"bytes"

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

// help is cobra's way to show help, show, which drops the error of writing it: a.unsaid keeps it.
func (a *App) help(show func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, args []string) {
		out := cmd.OutOrStdout()
		var text bytes.Buffer
		cmd.SetOut(&text)
		show(cmd, args)
		cmd.SetOut(out)
		if _, err := out.Write(text.Bytes()); err != nil {
			a.unsaid, a.running = err, true
		}
	}
}
