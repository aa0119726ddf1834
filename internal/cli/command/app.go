package command

import (
	"io"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/asynclog"
	"github.com/farswap/farswap/internal/cli/program"
)

// Program is one of the two programs of farswap.
type Program struct {
	Name  string // of the executable
	Short string
	Long  string
	Stamp program.Stamp
	// Serves means that commands serve for long. The log of a run then waits for no reader:
	// lines that nobody reads are dropped.
	Serves bool
	// UsageErrors and Refusals are the errors of packages that this program alone links.
	// [ExitCode] knows those of the packages that both programs link.
	UsageErrors, Refusals []error
	// Commands returns the commands below the program's name.
	Commands func(*App) []*cobra.Command
}

// App is what the commands of one run share.
type App struct {
	Log   zerolog.Logger // valid in RunE of a command
	Stamp program.Stamp
	Args  []string // the command line without the program's name

	serves  bool             // Program.Serves
	lines   *asynclog.Writer // the log's way out; nil: the log is written at once, or not open
	level   string           // value of --log-level
	path    string           // of the command that was meant, for the hint after an error
	unsaid  error            // why help was not written
	running bool             // the command line was right and the command has begun
}

// Streams are the standard streams of a run.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}
