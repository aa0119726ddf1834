package main

import (
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// app is what the commands of one run share.
type app struct {
	log     zerolog.Logger
	level   string
	path    string // of the command that was meant, for the hint after an error
	running bool   // the command line was right, the command has begun
}

func (a *app) root() *cobra.Command {
	a.path = "farswap"
	root := &cobra.Command{
		Use:   "farswap",
		Short: "Swap to the unused memory of other machines",
		Long: `farswap gives a Linux machine the unused memory of its neighbours as swap:
a donor lends memory, a ublk device sends pages to donors, and a local backing
file keeps a second copy.`,
		SilenceUsage:       true,
		SilenceErrors:      true,
		DisableSuggestions: true,
		PersistentPreRunE:  a.prepare,
	}
	root.PersistentFlags().StringVar(&a.level, "log-level", "info", "least severe event that is logged: debug, info, warn, error")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		a.path = cmd.CommandPath()
		return err
	})
	root.AddCommand(a.donor(), a.ublk(), a.cluster(), a.cert(), a.bench(), a.doctor(), a.metrics(), a.sim(), a.dash(), a.top(), a.version())
	group(root)
	return root
}

// prepare runs before every command: the configuration file fills in the
// options that were not given, then the log is opened.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	a.path = cmd.CommandPath()
	if err := loadConfig(cmd); err != nil {
		return err
	}
	level, err := zerolog.ParseLevel(a.level)
	if err != nil || a.level == "" {
		return usage("--log-level %q: want debug, info, warn or error", a.level)
	}
	a.log = newLog(cmd.ErrOrStderr(), level)
	a.running = true
	return nil
}

// group makes a command that only has subcommands refuse everything else;
// cobra would print help and succeed.
func group(cmd *cobra.Command) {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	list := strings.Join(names, ", ")
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("unknown command %q: want one of %s", args[0], list)
		}
		return usage("a command is missing: want one of %s", list)
	}
}

// noArgs refuses arguments by name.
func (a *app) noArgs(cmd *cobra.Command, args []string) error {
	a.path = cmd.CommandPath()
	if len(args) > 0 {
		return usage("unexpected argument %q", args[0])
	}
	return nil
}

// oneArg wants exactly one argument and says what it stands for.
func (a *app) oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		a.path = cmd.CommandPath()
		switch len(args) {
		case 0:
			return usage("%s is missing", what)
		case 1:
			return nil
		default:
			return usage("unexpected argument %q", args[1])
		}
	}
}
