package top

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// donorRow is a donor of the device, with its place in the status and its load.
type donorRow struct {
	place int
	load  float64 // page I/Os per second
	*status.Donor
}

// donorOrder is a column by which donors are sorted, the most important donor first.
type donorOrder struct {
	column  int
	compare func(a, b donorRow) int
}

// The columns of the table of donors, in their order.
const (
	donorMark = iota
	donorNameColumn
	donorState
	donorOver
	donorSlabs
	donorLoad
	donorFree
	donorTotal
	donorP50
	donorP99
	donorNow
	donorBase
	donorNote
)

var donorOrders = []donorOrder{
	{donorMark, func(a, b donorRow) int { return cmp.Compare(a.place, b.place) }},
	{donorSlabs, func(a, b donorRow) int { return cmp.Compare(b.Slabs, a.Slabs) }},
	{donorLoad, func(a, b donorRow) int { return cmp.Compare(b.load, a.load) }},
	{donorFree, func(a, b donorRow) int { return cmp.Compare(a.Free, b.Free) }},
	{donorP99, func(a, b donorRow) int { return cmp.Compare(b.Latency.P99, a.Latency.P99) }},
	{donorNow, func(a, b donorRow) int { return cmp.Compare(b.P99, a.P99) }},
}

// donorTable draws a line for each donor of the device.
func (s *snapshot) donorTable(l *look, u *ui, width int) []string {
	donors, loads := s.device.Status.Donors, s.loads()
	var rows []donorRow
	for i := range donors {
		rows = append(rows, donorRow{i, loads[donors[i].Name], &donors[i]})
	}
	order := donorOrders[u.order]
	slices.SortStableFunc(rows, order.compare)
	if u.reverse {
		slices.Reverse(rows)
	}
	columns := []column{
		donorMark: {title: " "}, donorNameColumn: {title: "DONOR"}, donorState: {title: "STATE"}, donorOver: {title: "OVER", drop: 6},
		donorSlabs: {title: "SLABS", right: true, drop: 2}, donorLoad: {title: "PAGES/S", right: true}, donorFree: {title: "FREE", right: true, drop: 1}, donorTotal: {title: "OF", right: true, drop: 5},
		donorP50: {title: "P50", right: true, drop: 4}, donorP99: {title: "P99", right: true}, donorNow: {title: "NOW", right: true, drop: 4},
		donorBase: {title: "USUAL", right: true, drop: 7}, donorNote: {title: "NOTE", grow: 8, drop: 8},
	}
	var lines [][]cell
	for _, r := range rows {
		lines = append(lines, s.donorCells(l, r))
	}
	sorted := order.column
	if sorted == donorMark {
		sorted = noColumn // as they come
	}
	return l.table(columns, lines, width, sorted)
}

func (s *snapshot) donorCells(l *look, r donorRow) []cell {
	mark, style := l.donor(r.place)
	word, state, now, note := r.State, l.good, l.plain, r.Error
	switch {
	case r.State == "connecting", r.State == "suspended":
		state = l.warn
	case r.State != "up":
		state = l.bad
	}
	if r.Slow {
		word, state = word+" slow", l.warn
		now, note = l.bad, "gets no new slabs, loses its hottest"
	}
	total := "-"
	if r.Total > 0 {
		total = human.Bytes(r.Total)
	}
	return []cell{
		donorMark: {mark, style}, donorNameColumn: {donorName(r.Donor), l.title}, donorState: {word, state}, donorOver: {orDash(r.Transport), l.plain},
		donorSlabs: {fmt.Sprint(r.Slabs), l.plain}, donorLoad: {human.Count(r.load), l.plain}, donorFree: {human.Bytes(r.Free), l.plain}, donorTotal: {total, l.muted},
		donorP50: {human.Nanos(r.Latency.P50), l.plain}, donorP99: {human.Nanos(r.Latency.P99), l.plain}, donorNow: {human.Nanos(r.P99), now},
		donorBase: {human.Nanos(r.Baseline), l.muted}, donorNote: {note, l.warn},
	}
}

// donorsView draws the device's donors, the latency of each over time, and the donors that
// run on this machine.
func (s *snapshot) donorsView(l *look, u *ui, width, _ int) []string {
	lines := []string{l.line(width).put(l.head, "DONORS OF THIS DEVICE").text("  ").
		put(l.muted, "NOW, USUAL: P99 as placement sees it").String()}
	if len(s.device.Status.Donors) == 0 {
		lines = append(lines, l.line(width).put(l.muted, "none").String())
	} else {
		lines = append(lines, s.donorTable(l, u, width)...)
		lines = append(lines, "", l.line(width).put(l.head, "P99 OVER TIME").String())
		lines = append(lines, s.donorTrends(l, width)...)
	}
	lines = append(lines, "", l.line(width).put(l.head, "DONORS ON THIS MACHINE").String())
	if len(s.donors) == 0 {
		return append(lines, l.line(width).put(l.muted, "none").String())
	}
	return append(lines, daemonTable(l, s.donors, width)...)
}

// donorTrends draws the p99 of each donor as the placement saw it, the highest last.
func (s *snapshot) donorTrends(l *look, width int) []string {
	var lines []string
	for i := range s.device.Status.Donors {
		d := &s.device.Status.Donors[i]
		name := donorName(d)
		p99 := s.series(func(p *feed.Point) float64 {
			for _, o := range p.Donors {
				if o.Name == name {
					return float64(o.P99)
				}
			}
			return 0
		})
		most := 0.0
		for _, v := range p99 {
			most = max(most, v)
		}
		mark, style := l.donor(i)
		out := l.line(width).put(style, mark).text("  ").pad(l.plain, name, 12, false)
		room := width - 15 - 14
		out.pad(style, l.sparkline(p99, room), max(room, 0), true)
		lines = append(lines, out.put(l.muted, "  max "+human.Nanos(int64(most))).String())
	}
	return lines
}

// daemonTable draws a line for each donor of this machine.
func daemonTable(l *look, donors []feed.Daemon, width int) []string {
	columns := []column{
		{title: "NAME"},
		{title: "STATE"},
		{title: "LENT", right: true},
		{title: "OF", right: true},
		{title: "AVAILABLE", right: true, drop: 2},
		{title: "HEADROOM", right: true, drop: 3},
		{title: "STALL", right: true, drop: 5},
		{title: "DEVICES", right: true, drop: 4},
		{title: "EVICTED", right: true, drop: 1},
		{title: "NOTE", grow: 8, drop: 6},
	}
	var rows [][]cell
	for i := range donors {
		d := &donors[i]
		m := d.Status.Memory
		state, style := d.Status.State, l.good
		if state == status.DonorShort || state == status.DonorDraining {
			style = l.warn
		}
		if d.State != feed.Live {
			state, style = string(d.State), l.bad
		}
		rows = append(rows, []cell{
			{d.Name, l.title},
			{orDash(state), style},
			{human.Bytes(m.Mapped), l.plain},
			{human.Bytes(m.Total), l.plain},
			{human.Bytes(m.Available), l.plain},
			{human.Bytes(m.HeadRoom), l.plain},
			{fmt.Sprintf("%.1f%%", 100*m.Stall), l.plain},
			{fmt.Sprint(len(d.Status.Sessions)), l.plain},
			{fmt.Sprint(d.Status.Evictions), l.plain},
			{d.Error, l.warn},
		})
	}
	return l.table(columns, rows, width, noColumn)
}
