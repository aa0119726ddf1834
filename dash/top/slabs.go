package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

const mapLabel = 7 // cells of the slab's number beside the map, a blank included

// grid is the layout of a slab map.
type grid struct {
	columns int // cells of a line
	lines   int
	join    int // slabs of a cell
	wide    int // characters of a cell
}

// newGrid fits slabs into a width and a number of lines. Cells are two characters wide if
// there is room, and have several slabs each if there is too little room.
func newGrid(slabs, width, lines int) grid {
	lines = max(lines, 1)
	for _, wide := range []int{2, 1} {
		columns := max(round(width/wide), 1)
		if g := (grid{columns, (slabs + columns - 1) / columns, 1, wide}); g.lines <= lines {
			return g
		}
	}
	columns := max(round(width), 1)
	join := (slabs + columns*lines - 1) / (columns * lines)
	cells := (slabs + join - 1) / join
	return grid{columns, (cells + columns - 1) / columns, join, 1}
}

// round rounds the columns of a map down to a number that is easy to count with.
func round(columns int) int {
	switch {
	case columns >= 64:
		return columns / 32 * 32
	case columns >= 16:
		return columns / 16 * 16
	default:
		return columns
	}
}

// slabCell is what a cell of the map shows.
type slabCell struct {
	donor    string // the donor of most of its slabs; empty: no slab is on a donor
	state    string // the most urgent of its slabs' states
	activity float64
}

// urgency orders the states of slabs. A cell of several slabs shows the most urgent one.
var urgency = map[string]int{"unmapped": 0, "mapped": 1, "mapping": 2, "migrating": 3, "draining": 4, "failed": 5}

// slabCells joins slabs into cells. Slabs are in the order of their indices.
func slabCells(slabs []status.Slab, join int) []slabCell {
	var cells []slabCell
	for chunk := range slices.Chunk(slabs, join) {
		c := slabCell{state: "unmapped"}
		held := map[string]int{}
		for _, s := range chunk {
			c.activity += s.Activity
			if urgency[s.State] > urgency[c.state] {
				c.state = s.State
			}
			if s.Donor != "" {
				held[s.Donor]++
				if n := held[s.Donor]; n > held[c.donor] || n == held[c.donor] && s.Donor < c.donor {
					c.donor = s.Donor
				}
			}
		}
		cells = append(cells, c)
	}
	return cells
}

// sorted returns the device's slabs by index.
func sortedSlabs(slabs []status.Slab) []status.Slab {
	return slices.SortedFunc(slices.Values(slabs), func(a, b status.Slab) int { return cmp.Compare(a.Index, b.Index) })
}

// slabMap draws all slabs in lines of a width. It marks the slab that has the index
// selected in slabs; -1 marks none.
func (s *snapshot) slabMap(l *look, byHeat bool, slabs []status.Slab, g grid, width, selected int) []string {
	cells := slabCells(slabs, g.join)
	places := map[string]int{}
	for i := range s.device.Status.Donors {
		places[donorName(&s.device.Status.Donors[i])] = i
	}
	most := 0.0
	for _, c := range cells {
		most = max(most, c.activity)
	}
	draw := func(i int) (string, lipgloss.Style) {
		text, style := l.slab(cells[i], byHeat, most, places)
		if selected >= 0 && i == selected/g.join {
			style = style.Reverse(true)
		}
		if g.wide > 1 && !byHeat {
			return text + " ", style
		}
		return strings.Repeat(text, g.wide), style
	}
	var lines []string
	for at := 0; at < len(cells); at += g.columns {
		out := l.line(width).pad(l.muted, fmt.Sprint(slabs[at*g.join].Index), mapLabel-1, true).text(" ")
		out.cells(min(g.columns, len(cells)-at), func(i int) (string, lipgloss.Style) { return draw(at + i) })
		lines = append(lines, out.String())
	}
	return lines
}

// slab returns the mark of a cell: a letter by donor, or a shade by heat. A slab that moves
// or has failed has a sign of its own in both.
func (l *look) slab(c slabCell, byHeat bool, most float64, places map[string]int) (string, lipgloss.Style) {
	switch c.state {
	case "failed":
		return "!", l.bad
	case "draining":
		return "-", l.warn
	case "mapping", "migrating":
		return "~", l.warn
	}
	if byHeat {
		if n := level(c.activity, most); n >= 0 && c.activity >= 0.05 {
			return l.heat[n], l.heatStyles[n]
		}
		if c.donor != "" {
			return "_", l.muted
		}
		return l.none, l.muted
	}
	if c.donor == "" {
		return l.none, l.muted
	}
	i, ok := places[c.donor]
	if !ok {
		i = -1
	}
	return l.donor(i)
}

// slabLegend writes what the marks mean and how many slabs have each.
func (s *snapshot) slabLegend(l *look, byHeat bool, slabs []status.Slab, width int) string {
	out := l.line(width)
	states := map[string]int{}
	for _, slab := range slabs {
		states[slab.State]++
	}
	if byHeat {
		out.put(l.muted, "cold ").cells(levels, func(i int) (string, lipgloss.Style) { return l.heat[i], l.heatStyles[i] })
		out.put(l.muted, " hot, by cube root  ").put(l.muted, "_ idle  ")
	} else {
		for i := range s.device.Status.Donors {
			d := &s.device.Status.Donors[i]
			mark, style := l.donor(i)
			out.put(style, mark).text(" "+donorName(d)).put(l.muted, fmt.Sprintf(" %d  ", d.Slabs))
		}
	}
	out.put(l.muted, fmt.Sprintf("%s on none %d", l.none, states["unmapped"]))
	if n := states["mapping"] + states["migrating"]; n > 0 {
		out.put(l.warn, fmt.Sprintf("  ~ on the move %d", n))
	}
	if n := states["draining"]; n > 0 {
		out.put(l.warn, fmt.Sprintf("  - given back %d", n))
	}
	if n := states["failed"]; n > 0 {
		out.put(l.bad, fmt.Sprintf("  ! failed %d", n))
	}
	return out.String()
}

// slabTitle writes what the map shows.
func (s *snapshot) slabTitle(l *look, byHeat bool, g grid, width int) string {
	d := &s.device.Status
	what := "SLABS BY DONOR"
	if byHeat {
		what = "SLABS BY HEAT"
	}
	note := fmt.Sprintf("%d of %s", len(d.Slabs), human.Bytes(d.SlabSize))
	if g.join > 1 {
		note += fmt.Sprintf(", %d to a cell", g.join)
	}
	return l.line(width).put(l.head, what).text("  ").put(l.muted, note).String()
}

// slabsView draws the map, its legend, and the selected slab.
func (s *snapshot) slabsView(l *look, u *ui, width, height int) []string {
	slabs := sortedSlabs(s.device.Status.Slabs)
	if len(slabs) == 0 {
		return []string{l.line(width).put(l.muted, "this device has no slabs: its target is "+orDash(s.device.Status.Target)).String()}
	}
	g := newGrid(len(slabs), width-mapLabel, height-5)
	u.grid = g
	u.slab = min(max(u.slab, 0), len(slabs)-1)
	lines := []string{s.slabTitle(l, u.byHeat, g, width), s.slabLegend(l, u.byHeat, slabs, width)}
	lines = append(lines, s.slabMap(l, u.byHeat, slabs, g, width, u.slab)...)
	lines = append(lines, slabDetail(l, &slabs[u.slab], width)...)
	if room := height - len(lines) - 2; room > 1 {
		lines = append(lines, l.line(width).put(l.head, "HOTTEST").String())
		lines = append(lines, hottest(l, slabs, width, room)...)
	}
	return lines
}

// hottest draws the n most active slabs as a table with a header.
func hottest(l *look, slabs []status.Slab, width, n int) []string {
	slabs = slices.SortedStableFunc(slices.Values(slabs), func(a, b status.Slab) int { return cmp.Compare(b.Activity, a.Activity) })
	columns := []column{
		{title: "SLAB", right: true},
		{title: "STATE", drop: 1},
		{title: "DONOR"},
		{title: "PAGES/S", right: true},
		{title: "REMOTE PAGES", right: true, drop: 2},
		{title: "P50", right: true, drop: 3},
		{title: "P99", right: true, drop: 3},
		{title: "P99.9", right: true, drop: 4},
	}
	var rows [][]cell
	for _, s := range slabs[:min(n, len(slabs))] {
		rows = append(rows, []cell{
			{fmt.Sprint(s.Index), l.title},
			{s.State, l.plain},
			{orDash(s.Donor), l.plain},
			{human.Count(s.Activity), l.plain},
			{fmt.Sprint(s.RemotePages), l.plain},
			{human.Nanos(s.Latency.P50), l.plain},
			{human.Nanos(s.Latency.P99), l.plain},
			{human.Nanos(s.Latency.P999), l.plain},
		})
	}
	return l.table(columns, rows, width, noColumn)
}

// slabDetail writes all that is known of one slab.
func slabDetail(l *look, s *status.Slab, width int) []string {
	out := l.line(width).put(l.head, fmt.Sprintf("SLAB %d", s.Index)).text("  " + s.State)
	if s.Donor != "" {
		out.text(" on " + s.Donor)
	}
	out.text(fmt.Sprintf("  %s pages/s", human.Count(s.Activity)))
	if s.Pages > 0 {
		out.text(fmt.Sprintf("  remote %d of %d pages", s.RemotePages, s.Pages))
	} else {
		out.text(fmt.Sprintf("  remote %d pages", s.RemotePages))
	}
	second := l.line(width)
	if q := s.Latency; q.P50 > 0 {
		second.put(l.muted, "block reads since start").text("  " + quantiles(q))
	}
	return []string{out.String(), second.String()}
}

func quantiles(q status.Quantiles) string {
	return fmt.Sprintf("p50 %s  p99 %s  p99.9 %s", human.Nanos(q.P50), human.Nanos(q.P99), human.Nanos(q.P999))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
