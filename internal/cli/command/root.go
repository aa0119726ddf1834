package command

import (
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/usage"
)

// root returns the command that stands for the program.
func (a *App) root(p Program) *cobra.Command {
	a.path = p.Name
	root := &cobra.Command{
		Use: p.Name, Short: p.Short, Long: p.Long,
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
	root.AddCommand(p.Commands(a)...)
	root.SetHelpCommand(helpCommand(a))
	a.bare(root)
	root.SetHelpFunc(a.help(root.HelpFunc()))
	return root
}

// completion adds the command that prints completion scripts, to where root's output goes now. Cobra's own
// succeeds for a shell that it does not know.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			Group(cmd)
		}
	}
}

// bare makes the program's name alone show help, and with --version its version.
func (a *App) bare(root *cobra.Command) {
	Group(root)
	version := root.Flags().Bool("version", false, "print the version")
	unknown := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 0:
			return unknown(cmd, args)
		case *version:
			return printVersion(cmd, a.Stamp)
		}
		return cmd.Help()
	}
}

// Root returns the tree of a program's commands, for those who list it.
func Root(p Program) *cobra.Command { return (&App{Stamp: p.Stamp}).root(p) }

// prepare runs before every command. The configuration file sets the options that the
// command line did not give, then the log is opened.
func (a *App) prepare(cmd *cobra.Command, _ []string) error {
	a.path = cmd.CommandPath()
	if HandsOver(cmd) {
		a.running = true
		return nil
	}
	if err := refuseEmpty(cmd, a.Args); err != nil {
		return err
	}
	if err := loadConfig(cmd); err != nil {
		return err
	}
	level, err := zerolog.ParseLevel(a.level)
	if err != nil || a.level == "" {
		return usage.Errorf("--log-level %q: want debug, info, warn or error", a.level)
	}
	a.openLog(cmd.ErrOrStderr(), level)
	a.running = true
	return nil
}
