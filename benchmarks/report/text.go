package report

import (
	"bufio"
	"fmt"
	"io"

	"github.com/farswap/farswap/benchmarks/harness"
)

// Text writes a result file for a terminal.
func Text(w io.Writer, f harness.File) error {
	v := newView(f)
	out := bufio.NewWriter(w)
	for _, fact := range v.Facts {
		fmt.Fprintf(out, "%-9s %s\n", fact.Name, fact.Value)
	}
	if v.Unmet != "" {
		fmt.Fprintf(out, "\n%s\n", v.Unmet)
	}
	for _, load := range v.Workloads {
		fmt.Fprintf(out, "\n%s, peak %s\n", load.Name, load.Peak)
		for _, m := range load.Metrics {
			fmt.Fprintf(out, "\n %s in %s, %s\n", m.Name, m.Unit, m.Better)
			if err := metricTable(m).text(out); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "\n what it took\n")
		if err := costTable(load.Costs).text(out); err != nil {
			return err
		}
	}
	if len(v.Failures) > 0 {
		fmt.Fprintf(out, "\nfailed or disturbed\n")
	}
	for _, n := range v.Failures {
		fmt.Fprintf(out, "  %s: %s\n", n.Where, n.What)
	}
	return out.Flush()
}

// ChangesText writes a comparison for a terminal.
func ChangesText(w io.Writer, c harness.Comparison) error {
	out := bufio.NewWriter(w)
	for _, d := range c.Differs {
		fmt.Fprintf(out, "not the same: %s\n", d)
	}
	t := table{head: []string{"workload", "limit", "backend", "metric", "old", "new", "new to old", "verdict"}, left: 4}
	regressions := 0
	for _, change := range c.Changes {
		limit, backend := who(change.Cell)
		ratio, verdict := against(change.Ratio)
		if change.Regression {
			verdict = "REGRESSION"
			regressions++
		}
		t.rows = append(t.rows, []string{change.Workload, limit, backend, change.Metric + ", " + change.Unit, figure(change.Old), figure(change.New), ratio, verdict})
	}
	if err := t.text(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %s beyond a tolerance of %s\n", count(len(c.Changes), "metric"), count(regressions, "regression"), percent(c.Tolerance))
	return out.Flush()
}
