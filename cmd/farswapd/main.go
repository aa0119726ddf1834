package main

import (
	"os"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/daemon"
	"github.com/farswap/farswap/internal/cli/program"
)

// The linker sets version (-X main.version=…) for releases, and commit for builds without the
// go command's own note of it.
var version, commit string

func main() {
	farswapd := daemon.Program(program.Stamp{Version: version, Commit: commit})
	os.Exit(command.Run(farswapd, os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
