package bench

import (
	"bufio"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/cli/command"
)

// benchEntry is a workload or a backend as it is listed.
type benchEntry struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Lacks says what this machine does not have for it, empty if it has all.
	Lacks string `json:"lacks,omitempty"`
}

type benchEntries struct {
	Workloads []benchEntry `json:"workloads"`
	Backends  []benchEntry `json:"backends"`
}

func listCommand(a *command.App) *cobra.Command {
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
