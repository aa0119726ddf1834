package top

import (
	"fmt"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// readAhead writes how many pages readahead has read since the start.
func readAhead(p *status.Probes) string {
	text := "since start"
	if p.MajorFaults > 0 {
		text += ": " + human.Count(float64(p.MajorFaults)) + " in all"
	}
	if p.ReadAhead > 0 {
		text += fmt.Sprintf(", %s pages read ahead, %d%% of them in vain", human.Count(float64(p.ReadAhead)), 100*p.ReadUnused/p.ReadAhead)
	}
	return text
}

// slowView draws the slowest requests of the last minute, and the control groups that fault.
// Scrolling first moves the requests, then the rest.
func (s *snapshot) slowView(l *look, u *ui, width, height int) []string {
	d := &s.device.Status
	room := min(max(3, height-len(d.Cgroups)-5), len(d.Slowest))
	hidden := len(d.Slowest) - room
	first := min(u.scroll[viewSlow], hidden)
	title := l.line(width).put(l.head, "SLOWEST REQUESTS OF THE LAST MINUTE").text("  ")
	if hidden > 0 {
		title.put(l.muted, fmt.Sprintf("%d to %d of %d, ", first+1, first+room, len(d.Slowest)))
	}
	lines := []string{title.put(l.muted, "and where their time went").String()}
	columns := []column{
		{title: "AGO", right: true},
		{title: "OP", drop: 5},
		{title: "PAGE", right: true, drop: 2},
		{title: "SLAB", right: true, drop: 3},
		{title: "DONOR"},
		{title: "TOTAL", right: true},
		{title: "QUEUED", right: true, drop: 4},
		{title: "AT DONOR", right: true},
		{title: "BACKING", right: true, drop: 1},
		{title: "BLAME"},
	}
	var rows [][]cell
	for _, p := range d.Slowest {
		at := s.at
		if !d.At.IsZero() {
			at = d.At
		}
		rows = append(rows, []cell{
			{ago(max(0, at.Sub(p.At))), l.muted},
			{p.Op, l.plain},
			{fmt.Sprint(p.Page), l.plain},
			{fmt.Sprint(p.Slab), l.plain},
			{orDash(p.Donor), l.plain},
			{human.Nanos(p.Total), l.title},
			{human.Nanos(p.Queued), l.plain},
			{human.Nanos(p.Remote), l.plain},
			{human.Nanos(p.Backing), l.plain},
			{p.Blame, l.warn},
		})
	}
	if len(rows) == 0 {
		lines = append(lines, l.line(width).put(l.muted, "none was recorded").String())
	} else {
		lines = append(lines, l.table(columns, rows[first:first+room], width, noColumn)...)
	}
	lines = append(lines, "", l.line(width).put(l.head, "FAULTS BY CONTROL GROUP").text("  ").put(l.muted, readAhead(&d.Probes)).String())
	if len(d.Cgroups) == 0 {
		why := "the probes in the kernel are " + orDash(d.Probes.State)
		if d.Probes.Reason != "" {
			why += ": " + d.Probes.Reason
		}
		u.clampScroll(viewSlow, hidden)
		return append(lines, l.line(width).put(l.muted, why).String())
	}
	rows = nil
	for i := range d.Cgroups {
		g := &d.Cgroups[i]
		h := &g.Latency
		rows = append(rows, []cell{
			{human.Count(float64(h.Count())), l.plain},
			{human.Nanos(h.Quantile(0.5)), l.plain},
			{human.Nanos(h.Quantile(0.99)), l.plain},
			{human.Nanos(h.Quantile(0.999)), l.plain},
			{g.Name, l.title},
		})
	}
	columns = []column{{title: "FAULTS", right: true}, {title: "P50", right: true, drop: 1}, {title: "P99", right: true}, {title: "P99.9", right: true, drop: 2}, {title: "GROUP", grow: 20}}
	lines = append(lines, l.table(columns, rows, width, noColumn)...)
	u.clampScroll(viewSlow, hidden+max(0, len(lines)-max(height, 0)))
	return lines[u.scroll[viewSlow]-first:]
}
