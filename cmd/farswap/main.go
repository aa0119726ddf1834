package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	a := &app{}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	code := exitCode(err, a.running)
	switch code {
	case exitDone:
	case exitUsage:
		fmt.Fprintf(stderr, "farswap: %s (see `%s --help`)\n", oneLine(err)+adviceFor(err), a.path)
	default:
		fmt.Fprintf(stderr, "farswap: %s\n", oneLine(err)+adviceFor(err))
	}
	return code
}
