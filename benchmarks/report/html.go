package report

import (
	_ "embed"
	"html/template"
	"io"
	"slices"

	"github.com/farswap/farswap/benchmarks/harness"
)

//go:embed report.html
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"last": func(i, left int) bool { return i >= left },
}).Parse(pageText))

// document is the data of the page.
type document struct {
	view
	Legend   string
	Backends []string // without the reference; the place of a backend is its colour
	Glance   []glance
	Sections []section
	Paper    htmlTable
	PaperOn  string
}

// glance is a line of the first table: one workload at one limit, its first metric.
type glance struct {
	Workload, Metric, Limit string
	Cells                   []glanceCell
}

type glanceCell struct {
	Backend, Ratio, Verdict, Class string
}

type section struct {
	Name, Peak, Paper string
	Metrics           []metricSection
	Latencies         []latencySection
	Costs             htmlTable
}

type metricSection struct {
	metricView
	Chart *bars
	Table htmlTable
}

type latencySection struct {
	lines
	Figures htmlTable
}

// htmlTable is a table with its name.
type htmlTable struct {
	Caption string
	Head    []string
	Left    int
	Rows    [][]string
}

func named(caption string, t table) htmlTable { return htmlTable{caption, t.head, t.left, t.rows} }

// HTML writes a result file as one page, which needs no other file and no network.
func HTML(w io.Writer, f harness.File) error {
	d := document{
		view: newView(f), Legend: legend, Backends: slices.DeleteFunc(slices.Clone(f.Plan.Backends), func(b string) bool { return b == harness.Reference }),
		Paper: named("Performance at 50% of the peak", paperTable()), PaperOn: paperMachine,
	}
	for _, load := range d.Workloads {
		d.Glance = append(d.Glance, d.glance(load, f.Plan.Limits)...)
		d.Sections = append(d.Sections, d.section(load, f.Plan.Limits))
	}
	return page.Execute(w, d)
}

// glance returns the ratios of a workload's first metric.
func (d document) glance(load workloadView, limits []harness.Limit) []glance {
	if len(load.Metrics) == 0 {
		return nil
	}
	m := load.Metrics[0]
	var all []glance
	for _, limit := range limits {
		g := glance{Workload: load.Name, Metric: m.Name, Limit: limit.String()}
		found := false
		for _, b := range d.Backends {
			cell := glanceCell{Backend: b, Ratio: missing}
			for _, c := range load.Costs {
				if c.Limit == limit && c.Backend == b && c.Runs == 0 {
					cell.Verdict = "failed"
				}
			}
			for _, r := range m.Rows {
				if r.Limit == limit && r.Backend == b && r.Ratio != nil {
					cell.Ratio, cell.Verdict, found = times(r.Ratio.Value), string(r.Ratio.Verdict), true
					cell.Class = shade(r.Ratio.Value)
				}
			}
			g.Cells = append(g.Cells, cell)
		}
		if found {
			all = append(all, g)
		}
	}
	return all
}

// shade returns the background for a ratio, from bad to good. The text says it, too.
func shade(ratio float64) string {
	switch {
	case ratio >= 0.9:
		return "well"
	case ratio >= 0.5:
		return "fair"
	case ratio >= 0.1:
		return "poor"
	}
	return "bad"
}

func (d document) section(load workloadView, limits []harness.Limit) section {
	s := section{Name: load.Name, Peak: load.Peak, Costs: named("What "+load.Name+" took: medians", costTable(load.Costs))}
	if p, ok := paperOf(load.Name); ok {
		s.Paper = p.Workload + " at 50%: " + p.text()
	}
	for _, m := range load.Metrics {
		one := metricSection{metricView: m, Table: named(load.Name+", "+m.Name+" in "+m.Unit+", "+m.Better, metricTable(m))}
		if chart, ok := newBars(load.Name, m, d.Backends); ok {
			one.Chart = &chart
		}
		s.Metrics = append(s.Metrics, one)
	}
	for _, limit := range limits {
		if l, ok := newLines(load.Name, limit, load.Costs, d.Backends); ok {
			s.Latencies = append(s.Latencies, latencySection{l, named(l.Title, l.Table)})
		}
	}
	return s
}
