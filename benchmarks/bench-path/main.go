// Command bench-path measures the way of a page without ublk in the kernel, against models of
// nbd: `./do bench-path`. What it models is in the comment of package pathmodel.
//
// Progress goes to standard error, the result to standard output. It ends with 2 if the command
// line asks for what cannot be measured, and with 1 if the measurement fails.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks/pathmodel"
)

// partWord begins the arguments of a process that this program has started.
const partWord = "part"

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-path:", err)
		os.Exit(exitFailed)
	}
	os.Exit(run(os.Args[1:], self, os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, self string, in io.Reader, out, progress io.Writer) int {
	if len(args) > 0 && args[0] == partWord {
		return report(pathmodel.Part(args[1:], in, out), progress)
	}
	o, err := parse(args, self, progress)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	ctx, cancel := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer cancel()
	result, err := pathmodel.Run(ctx, o.config, progress)
	if len(result.Cells) > 0 { // also those before an error
		if o.json {
			e := json.NewEncoder(out)
			e.SetIndent("", "  ")
			err = errors.Join(err, e.Encode(result))
		} else {
			err = errors.Join(err, result.WriteText(out))
		}
	}
	return report(err, progress)
}

// report tells of an error, and returns the exit code.
func report(err error, w io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(w, "bench-path:", err)
	if errors.Is(err, pathmodel.ErrConfig) {
		return exitUsage
	}
	return exitFailed
}
