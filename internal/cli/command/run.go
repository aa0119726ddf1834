package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/farswap/farswap/internal/cli/advice"
	"github.com/farswap/farswap/internal/cli/program"
)

// typed is the program in whose name both programs speak: whoever started farswapd typed
// farswap, or can type it to learn more.
const typed = program.Farswap

// Run executes one command line and returns the exit code. An error is one line on
// standard error.
func Run(p Program, args []string, s Streams) int {
	a := &App{Stamp: p.Stamp, Args: args, serves: p.Serves}
	root := a.root(p)
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	completion(root)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		err = a.unsaid
	}
	code := exitCode(err, a.running, p)
	last := ""
	switch code {
	case ExitDone:
	case ExitUsage:
		last = fmt.Sprintf("%s: %s (see `%s --help`)\n", typed, OneLine(err)+advice.For(err), a.hint(p))
	default:
		last = fmt.Sprintf("%s: %s\n", typed, OneLine(err)+advice.For(err))
	}
	a.closeLog(s.Err, last)
	return code
}

// hint returns the command whose help explains the command that was meant. Every command
// of farswapd is one of farswap, too.
func (a *App) hint(p Program) string {
	if words, ok := strings.CutPrefix(a.path, p.Name+" "); ok {
		return typed + " " + words
	}
	return a.path
}
