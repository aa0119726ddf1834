package bench

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/benchmarks/report"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/owned"
)

func reportCommand(a *command.App) *cobra.Command {
	var html string
	var markdown, asJSON bool
	compare := compareOptions{}
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Show a result file of bench run: as text, a page, Markdown or JSON",
		Args:  a.OneArg("FILE, a result of `farswap bench run`,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if markdown && asJSON {
				return usage.Errorf("--markdown and --json exclude each other")
			}
			if err := compare.check(); err != nil {
				return err
			}
			file, err := harness.Load(args[0])
			if err != nil {
				return err
			}
			if html != "" {
				if err := writeHTML(html, file); err != nil {
					return err
				}
			}
			out := cmd.OutOrStdout()
			switch {
			case compare.old != "":
				return compare.writeAs(out, file, asJSON)
			case asJSON:
				return command.PrintJSON(out, file.Rows)
			case markdown:
				return report.Markdown(out, file)
			case html == "":
				return report.Text(out, file)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "file for the page")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write Markdown, as benchmarks/RESULTS.md has it")
	command.JSONFlag(cmd, &asJSON)
	compare.register(cmd)
	return cmd
}

// errRegression means that something is slower than before.
var errRegression = errors.New("slower than before")

// compareOptions are the flags that compare with an older result file.
type compareOptions struct {
	old       string
	tolerance float64
	file      harness.File
}

func (o *compareOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.old, "compare", "", "older result file: show what has changed, fail if something is slower")
	cmd.Flags().Float64Var(&o.tolerance, "tolerance", 0.05, "with --compare: how much slower is accepted, as a share")
}

// check reads the older file, before the work begins.
func (o *compareOptions) check() (err error) {
	if !(o.tolerance >= 0 && o.tolerance < 1) {
		return usage.Errorf("--tolerance %v: want 0 or more and less than 1", o.tolerance)
	}
	if o.old != "" {
		o.file, err = harness.Load(o.old)
	}
	return err
}

func (o *compareOptions) write(w io.Writer, now harness.File) error {
	if o.old == "" {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return o.writeAs(w, now, false)
}

func (o *compareOptions) writeAs(w io.Writer, now harness.File, asJSON bool) error {
	c := harness.Compare(o.file, now, o.tolerance)
	write := func() error { return report.ChangesText(w, c) }
	if asJSON {
		write = func() error { return command.PrintJSON(w, c) }
	}
	if err := write(); err != nil {
		return err
	}
	if c.Regressed() {
		return fmt.Errorf("%s: %w, by more than %v", o.old, errRegression, o.tolerance)
	}
	return nil
}

// writeHTML writes the page. It replaces a file that is there, and follows no link.
func writeHTML(path string, file harness.File) error {
	return owned.Replace(path, func(w io.Writer) error { return report.HTML(w, file) })
}
