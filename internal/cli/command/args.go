package command

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/usage"
)

// farTypo is how many letters a mistyped command may differ by from the one that is suggested.
const farTypo = 2

// Group makes a command that only has subcommands refuse everything else. Without it cobra
// prints help and succeeds.
func Group(cmd *cobra.Command) {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	list := strings.Join(names, ", ")
	cmd.SuggestionsMinimumDistance = farTypo
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return usage.Errorf("unknown command %q: perhaps %s is meant; there are %s", args[0], strings.Join(near, " or "), list)
			}
			return usage.Errorf("unknown command %q: want one of %s", args[0], list)
		}
		return usage.Errorf("a command is missing: want one of %s", list)
	}
}

// NoArgs refuses arguments by name.
func (a *App) NoArgs(cmd *cobra.Command, args []string) error {
	a.path = cmd.CommandPath()
	if len(args) > 0 {
		return usage.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// OneArg wants exactly one argument. what says what the argument stands for.
func (a *App) OneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		a.path = cmd.CommandPath()
		if len(args) == 0 || args[0] == "" {
			return usage.Errorf("%s is missing", what)
		}
		return a.PerhapsOne(cmd, args)
	}
}

// PerhapsOne allows one argument.
func (a *App) PerhapsOne(cmd *cobra.Command, args []string) error {
	a.path = cmd.CommandPath()
	if len(args) > 1 {
		return usage.Errorf("unexpected argument %q", args[1])
	}
	if len(args) == 1 && args[0] == "" {
		return usage.Errorf("the argument is empty")
	}
	return nil
}

// SomeArgs wants at least one argument. what says what the arguments stand for.
func (a *App) SomeArgs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		a.path = cmd.CommandPath()
		if len(args) == 0 || slices.Contains(args, "") {
			return usage.Errorf("%s is missing", what)
		}
		return nil
	}
}
