package command

import (
	"io"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/build"
	"github.com/farswap/farswap/internal/cli/usage"
)

// Program is one of the two programs of farswap.
type Program struct {
	Name  string // of the executable
	Short string
	Long  string
	Stamp build.Stamp
	// UsageErrors and Refusals are the errors of packages that this program alone links.
	// [ExitCode] knows those of the packages that both programs link.
	UsageErrors, Refusals []error
	// Commands returns the commands below the program's name.
	Commands func(*App) []*cobra.Command
}

// App is what the commands of one run share.
type App struct {
	Log   zerolog.Logger // valid in RunE of a command
	Stamp build.Stamp
	Args  []string // the command line without the program's name

	level   string // value of --log-level
	path    string // of the command that was meant, for the hint after an error
	running bool   // the command line was right and the command has begun
}

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
	Group(root)
	return root
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
	if err := loadConfig(cmd); err != nil {
		return err
	}
	level, err := zerolog.ParseLevel(a.level)
	if err != nil || a.level == "" {
		return usage.Errorf("--log-level %q: want debug, info, warn or error", a.level)
	}
	a.Log = newLog(cmd.ErrOrStderr(), level)
	a.running = true
	return nil
}

// Streams are the standard streams of a run.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}
