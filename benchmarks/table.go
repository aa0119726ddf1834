package benchmarks

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// row is a line of the table: a figure of each backend and, except for the baseline, how
// many times better it is. A row without ratios has figures that are neither good nor
// bad. A row without figures is a heading.
type row struct {
	label   string
	figures []string
	ratios  []string
}

// WriteTable writes the comparison as text: a row for each figure, a column for each
// backend, and a ratio beside each figure that can be better or worse.
func (c Comparison) WriteTable(w io.Writer) error {
	base := c.Backends[0]
	rows := []row{c.headings()}
	rows = append(rows, c.row("fill", func(r PagingResult) string { return fmt.Sprintf("%.1f s", r.FillSeconds) },
		func(r Ratio) float64 { return r.Fill }))
	for i, p := range base.Phases {
		rows = append(rows, row{label: string(p.Pattern)})
		rows = append(rows, c.phase(i)...)
	}
	rows = append(rows, row{label: "whole run"},
		c.row("  pages in", func(r PagingResult) string { return grouped(r.PswpIn) }, nil),
		c.row("  pages out", func(r PagingResult) string { return grouped(r.PswpOut) }, nil),
		c.row("  pages swept", func(r PagingResult) string { return grouped(r.SweptPages) }, nil),
		c.row("  mismatches", func(r PagingResult) string { return grouped(r.Mismatches) }, nil))
	rows = append(rows, c.places()...)

	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s of memory, %d threads, %.0f%% writes; %s is 1×, more is better\n\n",
		byteSize(base.Size), base.Threads, 100*base.WriteShare, base.Name)
	align(out, rows)
	return out.Flush()
}

func (c Comparison) headings() row {
	r := row{ratios: make([]string, len(c.Backends))}
	for i, b := range c.Backends {
		name := b.Name
		if c.Runs[i] > 1 {
			name = fmt.Sprintf("%s (median of %d)", name, c.Runs[i])
		}
		r.figures = append(r.figures, name)
	}
	return r
}

func (c Comparison) phase(i int) []row {
	latency := func(label string, f func(PagingPhase) int64, ratio func(PhaseRatio) float64) row {
		var better func(Ratio) float64
		if ratio != nil {
			better = func(r Ratio) float64 { return ratio(r.Phases[i]) }
		}
		return c.row(label, func(r PagingResult) string { return nanoseconds(f(r.Phases[i])) }, better)
	}
	rows := []row{
		c.row("  accesses/s", func(r PagingResult) string { return grouped(int64(r.Phases[i].AccessesPerSecond)) },
			func(r Ratio) float64 { return r.Phases[i].Accesses }),
		latency("  p50", func(p PagingPhase) int64 { return p.P50NS }, func(r PhaseRatio) float64 { return r.P50 }),
		latency("  p99", func(p PagingPhase) int64 { return p.P99NS }, func(r PhaseRatio) float64 { return r.P99 }),
		latency("  p99.9", func(p PagingPhase) int64 { return p.P999NS }, nil),
		c.row("  major faults", func(r PagingResult) string { return grouped(r.Phases[i].MajorFaults) }, nil),
		c.row("  pages in", func(r PagingResult) string { return grouped(r.Phases[i].PswpIn) }, nil),
		c.row("  page-ins/s", func(r PagingResult) string { return grouped(int64(r.Phases[i].PageInsPerSecond())) },
			func(r Ratio) float64 { return r.Phases[i].PageIns }),
	}
	return append(rows, c.costs(i)...)
}

func (c Comparison) row(label string, figure func(PagingResult) string, ratio func(Ratio) float64) row {
	r := row{label: label, ratios: make([]string, len(c.Backends))}
	for i, b := range c.Backends {
		r.figures = append(r.figures, figure(b))
		if ratio != nil && i > 0 {
			r.ratios[i] = times(ratio(c.Ratios[i]))
		}
	}
	return r
}

// align writes rows with figures flush right.
func align(out io.Writer, rows []row) {
	label, figure, ratio := 0, map[int]int{}, map[int]int{}
	for _, r := range rows {
		label = max(label, utf8.RuneCountInString(r.label))
		for i := range r.figures {
			figure[i] = max(figure[i], utf8.RuneCountInString(r.figures[i]))
			ratio[i] = max(ratio[i], utf8.RuneCountInString(r.ratios[i]))
		}
	}
	for _, r := range rows {
		line := r.label + pad(r.label, label)
		for i := range r.figures {
			line += "   " + pad(r.figures[i], figure[i]) + r.figures[i]
			if i > 0 {
				line += "  " + pad(r.ratios[i], ratio[i]) + r.ratios[i]
			}
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

func pad(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
