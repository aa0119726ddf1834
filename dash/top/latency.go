package top

import (
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// windows are the choices of how many points the quantiles cover; 0 is all since the
// server's start.
var windows = []int{1, 10, 60, 0}

// figures are those of one source over a window.
type figures struct {
	source string
	count  uint64
	rate   float64 // per second; 0 since the start
	status.Quantiles
}

// latencies returns the figures of all sources over a window of points.
func (s *snapshot) latencies(window int) []figures {
	var all []figures
	for _, h := range s.device.Status.Histograms {
		f := figures{source: h.Source}
		if window == 0 {
			f.count = h.Latency.Count()
			f.Quantiles = status.Quantiles{P50: h.Latency.Quantile(0.5), P99: h.Latency.Quantile(0.99), P999: h.Latency.Quantile(0.999)}
		} else if points := s.recent(window); len(points) > 0 {
			c := joined(points, h.Source)
			f.count, f.Quantiles = c.Count, c.Latency
			if c.Over > 0 {
				f.rate = float64(c.Count) / c.Over.Seconds()
			}
		}
		all = append(all, f)
	}
	return all
}

// recent returns the last n points.
func (s *snapshot) recent(n int) []feed.Point { return s.points[max(0, len(s.points)-n):] }

// joined returns all points in one column.
func joined(points []feed.Point, source string) feed.Column {
	numbered := make([]feed.Point, len(points))
	for i, p := range points {
		p.Seq = uint64(i)
		numbered[i] = p
	}
	return feed.Columns(numbered, source, len(points))[0]
}

// windowName writes over which time the figures are.
func (s *snapshot) windowName(window int) string {
	if window == 0 {
		return "since start"
	}
	over := time.Duration(0)
	for _, p := range s.recent(window) {
		over += p.Over
	}
	return "last " + ago(over)
}

// trendFrom is the cell at which the trend begins in a table of latencies.
const trendFrom = 52

// latencyTable draws a line for each source and marks the chosen one. trend adds the p99
// over time.
func (s *snapshot) latencyTable(l *look, u *ui, sources []string, width int, trend bool) []string {
	window := windows[u.window]
	columns := []column{
		{title: strings.ToUpper(s.windowName(window))},
		{title: "/S", right: true, drop: 1},
		{title: "P50", right: true},
		{title: "P99", right: true},
		{title: "P99.9", right: true},
	}
	if window == 0 {
		columns[1].title = "COUNT"
	}
	if trend {
		columns = append(columns, column{title: "P99 OVER TIME", grow: 8, drop: 2})
	}
	chosen := s.sourceOr(u.source)
	var rows [][]cell
	for _, f := range s.latencies(window) {
		if !contains(sources, f.source) {
			continue
		}
		mark, style := "  ", l.plain
		if f.source == chosen {
			mark, style = "> ", l.title
		}
		rate := human.Count(f.rate)
		if window == 0 {
			rate = human.Count(float64(f.count))
		}
		row := []cell{
			{mark + f.source, style},
			{rate, l.plain},
			{human.Nanos(f.P50), l.plain},
			{human.Nanos(f.P99), l.plain},
			{human.Nanos(f.P999), l.plain},
		}
		if trend {
			p99 := s.series(func(p *feed.Point) float64 {
				span, _ := p.Span(f.source)
				return float64(span.Latency.P99)
			})
			row = append(row, cell{l.sparkline(p99, min(width-trendFrom, 120)), l.muted})
		}
		rows = append(rows, row)
	}
	return l.table(columns, rows, width, noColumn)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// latencyView draws the heatmap of one source over a table of all.
func (s *snapshot) latencyView(l *look, u *ui, width, height int) []string {
	source, per := s.sourceOr(u.source), zooms[u.zoom]
	table := s.latencyTable(l, u, s.sources(), width, true)
	room := height - len(table) - 1
	if room < leastHeat+2 {
		table, room = nil, height-1
	}
	lines := append([]string{heatTitle(l, source, per, s.interval, width)}, s.heatmap(l, source, per, width, room)...)
	lines = append(lines, heatLegend(l, width)...)
	return append(lines[:min(len(lines), height-len(table))], table...)
}

// heatLegend writes what the heat means, if there is room.
func heatLegend(l *look, width int) []string {
	if width < 60 {
		return nil
	}
	out := l.line(width).text("        ").put(l.muted, "few ")
	out.cells(levels, func(i int) (string, lipgloss.Style) { return l.heat[i], l.heatStyles[i] })
	return []string{out.put(l.muted, " many, by cube root").put(l.muted, "   "+l.gap+" no answer").String()}
}
