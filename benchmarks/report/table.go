package report

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/internal/human"
)

// table is a heading and rows with as many fields. The first left fields are words, the
// others are figures.
type table struct {
	head []string
	left int
	rows [][]string
}

// metricTable makes a table of the rows of one metric.
func metricTable(m metricView) table {
	t := table{head: []string{"limit", "backend", "median", "95% interval", "to in memory", "verdict", "runs"}, left: 2}
	for _, r := range m.Rows {
		limit, backend := who(r.Cell)
		ratio, verdict := against(r.Ratio)
		t.rows = append(t.rows, []string{limit, backend, figure(r.Median), span(r.Low, r.High), ratio, verdict, runs(r.Runs, r.Disturbed, r.Failed)})
	}
	return t
}

// sources are the sources of latencies. The first of them that a cell has stands for the
// cell.
var sources = []string{"fault", "swapin", "block_read"}

// costTable makes a table of the costs of one workload's cells.
func costTable(costs []harness.Cost) table {
	t := table{head: []string{
		"limit", "backend", "measured", "filled in", "major faults", "pages in", "pages out", "waiting", "CPU app", "device", "donor", "kernel", "others",
		"fault p50", "fault p99", "runs",
	}, left: 2}
	for _, c := range costs {
		limit, backend := who(c.Cell)
		row := []string{limit, backend}
		if c.Runs == 0 {
			for range len(t.head) - 3 {
				row = append(row, missing)
			}
		} else {
			row = append(row, figure(c.Seconds)+" s", figure(c.Fill)+" s", human.Count(c.MajorFaults), human.Count(c.SwapIn), human.Count(c.SwapOut), percent(c.Waiting),
				percent(c.CPU.Application), percent(c.CPU.Device), percent(c.CPU.Donor), percent(c.CPU.Kernel), percent(c.CPU.Other),
				quantile(c.Latencies["fault"], 0.5), quantile(c.Latencies["fault"], 0.99))
		}
		t.rows = append(t.rows, append(row, runs(c.Runs, c.Disturbed, c.Failed)))
	}
	return t
}

// text writes the table with figures flush right.
func (t table) text(w io.Writer) error {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, f := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(f))
		}
	}
	for _, row := range append([][]string{t.head}, t.rows...) {
		line := ""
		for i, f := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(f))
			if i < t.left {
				line += "  " + f + pad
			} else {
				line += "  " + pad + f
			}
		}
		if _, err := io.WriteString(w, strings.TrimRight(line, " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// markdown writes the table.
func (t table) markdown(w io.Writer) error {
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---:"
		if i < t.left {
			rule[i] = "---"
		}
	}
	for _, row := range append([][]string{t.head, rule}, t.rows...) {
		cells := make([]string, len(row))
		for i, f := range row {
			cells[i] = escape(f)
		}
		if _, err := io.WriteString(w, "| "+strings.Join(cells, " | ")+" |\n"); err != nil {
			return err
		}
	}
	return nil
}

// escape quotes what would end the cell of a text.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;").Replace(s)
}
