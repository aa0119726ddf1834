package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
)

func workCommand(a *command.App) *cobra.Command {
	var size string
	var asJSON, wait bool
	config := workload.ProgramConfig{}
	cmd := &cobra.Command{
		Use:   "work NAME --size SIZE",
		Short: "Run one of the programs that bench run measures",
		Long: `work fills memory of the given size, does the work of the program NAME with it, checks
its results and prints its figures. It is what bench run starts in a control group;
without one it measures RAM.`,
		Hidden: true,
		Args:   a.OneArg("NAME of a program"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			config.Name = args[0]
			if config.Bytes, err = workBytes(size); err != nil {
				return err
			}
			metrics, err := workload.RunProgram(config, func() error {
				if !wait {
					return nil
				}
				return awaitLine(cmd.OutOrStdout(), cmd.InOrStdin())
			})
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), metrics)
			}
			return writeFigures(cmd.OutOrStdout(), metrics)
		},
	}
	f := cmd.Flags()
	f.StringVar(&size, "size", "", "memory of the data: small, medium, paper or a size")
	f.Uint64Var(&config.Seed, "seed", 1, "what the data follow from")
	f.IntVar(&config.Threads, "threads", runtime.NumCPU(), "threads, 1 to 1024")
	f.BoolVar(&wait, "wait", false, "when the memory is filled, say so and wait for a line on standard input")
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

// workBytes reads a size with a name, or as other flags have it.
func workBytes(text string) (int64, error) {
	if n, err := flags.ParseSize(text); err == nil {
		return int64(n), nil
	}
	return workload.Size(text).Bytes()
}

// awaitLine says that the memory is filled, and waits for a line.
func awaitLine(out io.Writer, in io.Reader) error {
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	_, err := bufio.NewReader(in).ReadString('\n')
	if errors.Is(err, io.EOF) {
		return errors.New("standard input has ended before the line that begins the work")
	}
	return err
}

// writeFigures writes figures, a line each.
func writeFigures(w io.Writer, metrics []workload.Metric) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range metrics {
		_, _ = fmt.Fprintf(table, "%s\t%.6g %s\n", m.Name, m.Value, m.Unit)
	}
	return table.Flush()
}
