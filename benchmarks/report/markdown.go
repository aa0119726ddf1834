package report

import (
	"bufio"
	"fmt"
	"io"

	"github.com/farswap/farswap/benchmarks/harness"
)

// Markdown writes a result file in the form of benchmarks/RESULTS.md, with the paper's
// results beside it.
func Markdown(w io.Writer, f harness.File) error {
	v := newView(f)
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Results\n\n")
	for _, fact := range v.Facts {
		fmt.Fprintf(out, "- %s: %s\n", fact.Name, fact.Value)
	}
	fmt.Fprintf(out, "- Command: `%s`\n\n", v.Command)
	if v.Unmet != "" {
		fmt.Fprintf(out, "%s.\n\n", v.Unmet)
	}
	fmt.Fprintf(out, "%s\n", legend)
	for _, load := range v.Workloads {
		fmt.Fprintf(out, "\n## %s\n\nPeak %s.\n", load.Name, load.Peak)
		for _, m := range load.Metrics {
			fmt.Fprintf(out, "\n**%s** in %s, %s\n\n", m.Name, m.Unit, m.Better)
			if err := metricTable(m).markdown(out); err != nil {
				return err
			}
		}
		if p, ok := paperOf(load.Name); ok {
			fmt.Fprintf(out, "\nThe paper, %s at 50%%: %s.\n", p.Workload, p.text())
		}
		fmt.Fprintf(out, "\nWhat it took:\n\n")
		if err := costTable(load.Costs).markdown(out); err != nil {
			return err
		}
	}
	if len(v.Failures) > 0 {
		fmt.Fprintf(out, "\n## Failed or disturbed\n\n")
		for _, n := range v.Failures {
			fmt.Fprintf(out, "- %s: %s\n", escape(n.Where), escape(n.What))
		}
	}
	fmt.Fprintf(out, "\n## The paper's results\n\n%s\n\n", paperMachine)
	if err := paperTable().markdown(out); err != nil {
		return err
	}
	return out.Flush()
}

// legend says how to read the tables.
const legend = `Medians with 95% bootstrap intervals. "To in memory" is the ratio to the same application without
a limit; above 1 is better. A verdict needs five runs and an interval without 1. CPU is in percent of one
processor. Waiting is the share of the time in which some task waited for memory.`
