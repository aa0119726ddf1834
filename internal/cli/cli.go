// Package cli is the command line of farswap, the program that a person types. Each group of
// commands is a package below it; this one puts them together.
//
// A command that serves, `farswap ublk add` or `farswap donor`, is checked for its flags here
// and then carried out by farswapd, which this process becomes; see package launch.
package cli

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/dash/web"
	"github.com/farswap/farswap/internal/cli/add"
	"github.com/farswap/farswap/internal/cli/bench"
	"github.com/farswap/farswap/internal/cli/cert"
	"github.com/farswap/farswap/internal/cli/cluster"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/device"
	"github.com/farswap/farswap/internal/cli/doctor"
	"github.com/farswap/farswap/internal/cli/donor"
	"github.com/farswap/farswap/internal/cli/launch"
	"github.com/farswap/farswap/internal/cli/lend"
	"github.com/farswap/farswap/internal/cli/program"
	"github.com/farswap/farswap/internal/cli/show"
	"github.com/farswap/farswap/internal/cli/sim"
)

// Program is farswap.
func Program(stamp program.Stamp) command.Program { return becoming(stamp, launch.Farswapd) }

// becoming is farswap, which calls become with its command line for a command that serves.
func becoming(stamp program.Stamp, become func(args []string) error) command.Program {
	return command.Program{
		Name:  program.Farswap,
		Short: "Swap to the unused memory of other machines",
		Long: `farswap gives a Linux machine the unused memory of its neighbours as swap:
a donor lends memory, a ublk device sends pages to donors, and a local backing
file keeps a second copy.`,
		Stamp:       stamp,
		UsageErrors: []error{benchmarks.ErrConfig, harness.ErrConfig, web.ErrConfig, workload.ErrConfig},
		Refusals:    []error{harness.ErrOther, harness.ErrDamaged},
		Commands:    func(a *command.App) []*cobra.Command { return commands(a, become) },
	}
}

func commands(a *command.App, become func([]string) error) []*cobra.Command {
	return []*cobra.Command{
		donorCommand(a, become), ublkCommand(a, become), cluster.Command(a), cert.Command(a), bench.Command(a), doctor.Command(a),
		show.Metrics(a), sim.Command(a), show.Dash(a), show.Top(a), command.Version(a),
	}
}

// donorCommand is the donor that serves, with the commands about donors below it.
func donorCommand(a *command.App, become func([]string) error) *cobra.Command {
	cmd := lend.Command(a)
	serve(a, cmd, become)
	cmd.AddCommand(donor.Commands(a)...)
	return cmd
}

// ublkCommand is all about devices.
func ublkCommand(a *command.App, become func([]string) error) *cobra.Command {
	cmd := &cobra.Command{Use: "ublk", Short: "Serve, look at and remove swap devices"}
	for _, server := range []*cobra.Command{add.Command(a), add.Recover(a)} {
		serve(a, server, become)
		cmd.AddCommand(server)
	}
	cmd.AddCommand(device.Commands(a)...)
	command.Group(cmd)
	return cmd
}

// serve makes farswapd, which this process becomes, carry a command out.
func serve(a *command.App, cmd *cobra.Command, become func([]string) error) {
	command.HandOver(cmd, func() error { return become(a.Args) })
}
