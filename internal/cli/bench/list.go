package bench

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
)

// benchEntry is a workload or a backend as it is listed.
type benchEntry struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Lacks is what this machine has not got for it, empty if nothing.
	Lacks string `json:"lacks,omitempty"`
}

type benchEntries struct {
	Workloads []benchEntry `json:"workloads"`
	Backends  []benchEntry `json:"backends"`
}

func list(a *command.App) *cobra.Command {
	var asJSON bool
	var device, dir string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the workloads and backends of bench run, and what this machine lacks for each",
		Args:  a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			small, err := workload.Small.Bytes()
			if err != nil {
				return err
			}
			entries := benchEntries{Workloads: []benchEntry{}, Backends: []benchEntry{}}
			for _, w := range workload.All() {
				entries.Workloads = append(entries.Workloads, benchEntry{w.Name, w.About, missingCommands(w)})
			}
			for _, b := range backend.All() {
				entry := benchEntry{Name: b.Name, About: b.About}
				if err := b.Lacks(backendOptions(small, dir, device)); err != nil {
					entry.Lacks = command.OneLine(err)
				}
				entries.Backends = append(entries.Backends, entry)
			}
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), entries)
			}
			return writeEntries(cmd.OutOrStdout(), entries)
		},
	}
	cmd.Flags().StringVar(&device, "device", "", "block device for the backends that need one; nothing is written")
	cmd.Flags().StringVar(&dir, "dir", benchDir, "folder that runs would be in; nothing is written")
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

func writeEntries(w io.Writer, entries benchEntries) error {
	width := 0
	for _, e := range append(entries.Workloads, entries.Backends...) {
		width = max(width, len(e.Name))
	}
	out := bufio.NewWriter(w)
	for _, list := range []struct {
		head    string
		entries []benchEntry
	}{{"Workloads", entries.Workloads}, {"Backends", entries.Backends}} {
		fmt.Fprintln(out, list.head)
		for _, e := range list.entries {
			fmt.Fprintf(out, "  %-*s  %s\n", width, e.Name, e.About)
			if e.Lacks != "" {
				fmt.Fprintf(out, "  %-*s  lacks %s\n", width, "", e.Lacks)
			}
		}
	}
	return out.Flush()
}

// missingCommands are those of a workload's that this machine has not got.
func missingCommands(w workload.Workload) string {
	missing := w.Missing()
	if len(missing) == 0 {
		return ""
	}
	return "commands: " + strings.Join(missing, ", ")
}

// named finds entries by name, in the order of the names; what is unknown is wrong usage.
func named[T any](kind string, all []T, name func(T) string, wanted []string) ([]T, error) {
	var found []T
	var known []string
	for _, e := range all {
		known = append(known, name(e))
	}
	for _, want := range wanted {
		i := len(found)
		for _, e := range all {
			if name(e) == want {
				found = append(found, e)
			}
		}
		if len(found) == i {
			return nil, usage.Errorf("unknown %s %q: want one of %s", kind, want, cmp.Or(strings.Join(known, ", "), "none, there are none"))
		}
	}
	return found, nil
}
