package top

import (
	"fmt"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// Least widths with which blocks stand side by side.
const (
	latencyWidth = 48 // width of the table of latencies without its trend
	briefWidth   = 46 // width of a table of briefSources
	besideWidth  = 76
	wideWidth    = 130
)

// briefSources are shown if there is no room for all.
var briefSources = []string{
	status.SourceFault, status.SourceRead, status.SourceWrite, status.SourceRemoteRead, status.SourceBackingRead, status.SourceRemoteWrite,
}

// trafficTable draws what goes in and out.
func (s *snapshot) trafficTable(l *look, width int) []string {
	p, ok := s.last()
	r := p.Rates
	count, size := human.Count, func(f float64) string { return human.Bytes(int64(f)) }
	if !ok {
		count = func(float64) string { return "-" }
		size = count
	}
	columns := []column{
		{title: " "},
		{title: "REQUESTS/S", right: true},
		{title: "BYTES/S", right: true},
		{title: "DONOR PAGES/S", right: true, drop: 1},
		{title: "BACKING PAGES/S", right: true, drop: 2},
		{title: "OVER TIME", grow: 8, drop: 3},
	}
	in := s.series(func(p *feed.Point) float64 { return p.Rates.BytesRead })
	out := s.series(func(p *feed.Point) float64 { return p.Rates.BytesWritten })
	room := max(0, width-60)
	return l.table(columns, [][]cell{
		{{"in", l.title}, {count(r.Reads), l.plain}, {size(r.BytesRead), l.plain}, {count(r.RemoteReads), l.plain}, {count(r.BackingReads), l.plain}, {l.sparkline(in, room), l.good}},
		{{"out", l.title}, {count(r.Writes), l.plain}, {size(r.BytesWritten), l.plain}, {count(r.RemoteWrites), l.plain}, {count(r.BackingWrites), l.plain}, {l.sparkline(out, room), l.warn}},
	}, width, noColumn)
}

// pagesLine writes where the pages are, troubleLine what went wrong since the start.
func (s *snapshot) pagesLine(l *look, width int) string {
	p := s.device.Status.Pages
	out := l.line(width).put(l.head, "PAGES").text("  ")
	for _, part := range []struct {
		name string
		n    int64
	}{{"both", p.Both}, {"donor only", p.Remote}, {"backing only", p.Backing}, {"never written", p.None}} {
		out.put(l.muted, part.name+" ").text(human.Count(float64(part.n)) + "  ")
	}
	if p.Lost > 0 {
		out.put(l.bad, "LOST "+human.Count(float64(p.Lost)))
	}
	return out.String()
}

func (s *snapshot) troubleLine(l *look, width int) string {
	d := &s.device.Status
	out := l.line(width).put(l.head, "SINCE START").text("  ")
	if d.IO.Forged > 0 {
		out.put(l.bad, "FORGED "+human.Count(float64(d.IO.Forged))).text("  ")
	}
	if s.device.Restarts > 0 {
		out.put(l.warn, fmt.Sprintf("restarts %d  ", s.device.Restarts))
	}
	for _, part := range []struct {
		name string
		n    uint64
		bad  bool
	}{
		{"errors", d.IO.Errors, true},
		{"corrupt", d.IO.Corrupt, true},
		{"failovers", d.IO.Failovers, true},
		{"moved", d.Moves.Slabs, false},
		{"dropped", d.Moves.Dropped, true},
	} {
		style := l.plain
		if part.bad && part.n > 0 {
			style = l.warn
		}
		out.put(l.muted, part.name+" ").put(style, human.Count(float64(part.n))).text("  ")
	}
	return out.String()
}

// overview draws a little of everything, and more of it on a larger screen.
func (s *snapshot) overview(l *look, u *ui, width, height int) []string {
	lines := append(s.trafficTable(l, width), s.pagesLine(l, width), s.troubleLine(l, width))
	donors := s.donorTable(l, u, width)
	if len(s.device.Status.Donors) == 0 {
		donors = nil
	}
	rest := height - len(lines) - len(donors)
	events := s.happenings(l, "all")
	switch {
	case width < besideWidth: // one below the other
		lines = append(lines, s.latencyTable(l, u, briefSources[:4], width, false)...)
		lines = append(lines, donors...)
	case width < wideWidth || height < 40:
		n := min(max(7, rest-5), 11)
		lines = append(lines, s.latencyBeside(l, u, briefSources, width, briefWidth, n)...)
		lines = append(lines, donors...)
	default:
		sources := s.sources()
		n := max(len(sources)+1, rest*2/5)
		lines = append(lines, s.latencyBeside(l, u, sources, width, latencyWidth, n)...)
		lines = append(lines, "")
		lines = append(lines, donors...)
		slabs := sortedSlabs(s.device.Status.Slabs)
		if room := (height - len(lines)) / 2; len(slabs) > 0 && room > 6 {
			g := newGrid(len(slabs), width-mapLabel, room-3)
			lines = append(lines, "", s.slabTitle(l, u.byHeat, g, width), s.slabLegend(l, u.byHeat, slabs, width))
			lines = append(lines, s.slabMap(l, u.byHeat, slabs, g, width, -1)...)
		}
		lines = append(lines, "")
	}
	if room := height - len(lines); room > 1 && len(events) > 0 {
		lines = append(lines, eventLines(l, events[:min(len(events), room-1)], width)...)
	}
	return lines
}

// latencyBeside draws the table of latencies, and the heatmap of one source on its right.
func (s *snapshot) latencyBeside(l *look, u *ui, sources []string, width, left, height int) []string {
	source, per := s.sourceOr(u.source), zooms[u.zoom]
	table := s.latencyTable(l, u, sources, left, false)
	room := width - left - 2
	heat := append([]string{heatTitle(l, source, per, s.interval, room)}, s.heatmap(l, source, per, room, height-1)...)
	if u.batch && len(s.points) < 8 { // no more points will come, and one column says little
		heat = s.histogram(l, source, room, height)
	}
	lines := l.besides(table, heat, left)
	return lines[:min(len(lines), height)]
}
