// Package daemon is the command line of farswapd, the program that serves devices and donors.
//
// farswapd is locked in memory on machines that are out of memory. It links what serving takes
// and nothing else: no web pages, plots, terminal pages, metrics or benchmarks. A test of
// cmd/farswapd keeps it so.
package daemon

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/add"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/lend"
	"github.com/farswap/farswap/internal/cli/program"
)

// Program is farswapd.
func Program(stamp program.Stamp) command.Program {
	return command.Program{
		Name:  program.Farswapd,
		Short: "Serve swap devices and donors",
		Long: `farswapd serves a swap device or a donor. It is what ` + "`farswap ublk add`" + ` and
` + "`farswap donor`" + ` execute, with the same options. All other commands are those of farswap.`,
		Stamp:  stamp,
		Serves: true,
		Commands: func(a *command.App) []*cobra.Command {
			ublk := &cobra.Command{Use: "ublk", Short: "Serve a swap device"}
			ublk.AddCommand(add.Command(a), add.Recover(a))
			command.Group(ublk)
			return []*cobra.Command{lend.Command(a), ublk, command.Version(a)}
		},
	}
}
