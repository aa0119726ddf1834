package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/program"
)

var record = flag.Bool("record", false, "write the lists that tests compare with")

// TestCommands compares every command, its flags and their defaults with a recorded
// list. Scripts are built on them: a change of the list is a change of the contract.
func TestCommands(t *testing.T) {
	const path = "testdata/commands.txt"
	var got strings.Builder
	listCommands(&got, command.Root(Program(program.Stamp{})))
	if *record {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	requireLines(t, got.String(), strings.Split(strings.TrimSuffix(string(want), "\n"), "\n"))
}

// listCommands writes a line for cmd, one for each of its flags, and the same for the
// commands below it.
func listCommands(w *strings.Builder, cmd *cobra.Command) {
	hidden := ""
	if cmd.Hidden {
		hidden = " (hidden)"
	}
	fmt.Fprintf(w, "%s%s\n", cmd.CommandPath(), hidden)
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		fmt.Fprintf(w, "%s --%s %s = %q\n", cmd.CommandPath(), f.Name, f.Value.Type(), f.DefValue)
	})
	for _, c := range cmd.Commands() {
		listCommands(w, c)
	}
}
