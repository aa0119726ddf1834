package top

import (
	"math"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/loghist"
)

// zooms are the choices of how many points a column of the heatmap has.
var zooms = []int{1, 2, 5, 10, 20}

const (
	heatLabel  = 7 // cells of the latencies beside a heatmap, a blank included
	leastHeat  = 4 // least lines of a heatmap; a lower one says too little
	leastRange = 8 // least rows that are drawn: two powers of two
)

// heatmap draws the latency of a source over time. Time goes to the right, latency goes
// upwards, and heat shows counts. The last line is the axis.
func (s *snapshot) heatmap(l *look, source string, per, width, height int) []string {
	cells := width - heatLabel
	if cells < 4 || height < leastHeat {
		return nil
	}
	columns := feed.Columns(s.points, source, per)
	columns = columns[max(0, len(columns)-cells):]
	if idle(columns) {
		return []string{l.line(width).pad(l.plain, "", heatLabel, false).put(l.muted, "nothing in this time").String()}
	}
	low, high, most := heatRange(columns)
	lines := height - 1
	rowsPerLine := max(1, (high-low+lines)/lines)
	lines = min(lines, (high-low)/rowsPerLine+1)
	grid := make([][]float64, lines)
	for i := range grid {
		grid[i] = make([]float64, len(columns))
	}
	for x, c := range columns {
		for _, cell := range c.Cells {
			y := min(max(int(cell.Row)-low, 0)/rowsPerLine, lines-1)
			grid[y][x] += float64(cell.Count)
			most = max(most, grid[y][x])
		}
	}
	var out []string
	for y := lines - 1; y >= 0; y-- {
		from, _ := feed.RowBounds(low + y*rowsPerLine)
		label := ""
		if y%2 == 0 || lines <= 5 {
			label = shortNanos(int64(from))
		}
		row := l.line(width).pad(l.muted, label, heatLabel-1, true).text(" ").text(strings.Repeat(" ", cells-len(columns)))
		row.cells(len(columns), func(x int) (string, lipgloss.Style) {
			if columns[x].Silent {
				return l.gap, l.muted
			}
			n := level(grid[y][x], most)
			if n < 0 {
				return " ", l.plain
			}
			return l.heat[n], l.heatStyles[n]
		})
		out = append(out, row.String())
	}
	return append(out, timeAxis(l, columns, s.at, cells, width))
}

// histogram draws all that a source counted since its server's start. Latency goes upwards,
// and counts go to the right.
func (s *snapshot) histogram(l *look, source string, width, height int) []string {
	lines := []string{l.line(width).put(l.head, "LATENCY OF "+source).text("  ").put(l.muted, "since start").String()}
	h := loghist.Histogram{}
	for i := range s.device.Status.Histograms {
		if s.device.Status.Histograms[i].Source == source {
			h = loghist.Histogram(s.device.Status.Histograms[i].Latency)
		}
	}
	column := feed.Column{}
	var rows [feed.Rows]float64
	for bucket, n := range h.Counts {
		rows[feed.Row(bucket)] += float64(n)
	}
	for row, n := range rows {
		if n > 0 {
			column.Cells = append(column.Cells, feed.Cell{Row: uint8(row)})
		}
	}
	low, high, _ := heatRange([]feed.Column{column})
	bars := max(1, height-1)
	each := max(1, (high-low+bars)/bars)
	const counts = 7
	for y := (high - low) / each; y >= 0; y-- {
		n := 0.0
		for row := low + y*each; row < min(low+(y+1)*each, feed.Rows); row++ {
			n += rows[row]
		}
		from, _ := feed.RowBounds(low + y*each)
		out := l.line(width).pad(l.muted, shortNanos(int64(from)), heatLabel-1, true).pad(l.plain, human.Count(n), counts, true).text(" ")
		share := n / float64(max(1, h.Count()))
		bar := strings.Repeat(l.heat[levels-1], int(math.Ceil(share*float64(max(0, out.left)))))
		lines = append(lines, out.put(l.heatStyles[max(0, level(share, 1))], bar).String())
	}
	return lines
}

// idle returns whether no answer had anything in it.
func idle(columns []feed.Column) bool {
	for _, c := range columns {
		if c.Count > 0 || c.Silent {
			return false
		}
	}
	return len(columns) > 0
}

// heatRange returns the lowest and the highest row in use, and the largest cell. It rounds
// rows to powers of two, so that the scale stands still.
func heatRange(columns []feed.Column) (low, high int, most float64) {
	low, high = math.MaxInt, -1
	for _, c := range columns {
		for _, cell := range c.Cells {
			low, high = min(low, int(cell.Row)), max(high, int(cell.Row))
			most = max(most, float64(cell.Count))
		}
	}
	if high < 0 {
		low, high = 1, leastRange // nothing yet
	}
	const octave = feed.RowsPerOctave
	if low > 0 {
		low = 1 + (low-1)/octave*octave
	}
	high = max(high, low+leastRange-1)
	high = min((high-1)/octave*octave+octave, feed.Rows-1)
	return low, high, most
}

// timeAxis writes how long ago the first, the middle and the last column were.
func timeAxis(l *look, columns []feed.Column, now time.Time, cells, width int) string {
	out := l.line(width).text(strings.Repeat(" ", heatLabel))
	if len(columns) == 0 {
		return out.put(l.muted, "no answers to compare yet").String()
	}
	axis := []rune(strings.Repeat(" ", cells))
	mark := func(x int, text string) {
		at := min(max(0, x), cells-len(text))
		if at < 0 {
			return
		}
		for i := max(0, at-1); i < min(cells, at+len(text)+1); i++ {
			if axis[i] != ' ' {
				return
			}
		}
		copy(axis[at:], []rune(text))
	}
	at := func(i int) string { return "-" + ago(now.Sub(columns[i].At)) }
	first := cells - len(columns)
	mark(cells-3, "now")
	mark(first, at(0))
	mark(first+len(columns)/2, at(len(columns)/2))
	return out.put(l.muted, string(axis)).String()
}

// cells appends n cells. Neighbours of one style share one escape sequence.
func (l *line) cells(n int, get func(i int) (string, lipgloss.Style)) *line {
	for i := 0; i < n; {
		text, style := get(i)
		var run strings.Builder
		run.WriteString(text)
		from := i
		for i++; i < n; i++ {
			next, other := get(i)
			if other.GetForeground() != style.GetForeground() || other.GetReverse() != style.GetReverse() {
				break
			}
			run.WriteString(next)
		}
		if from < i {
			l.put(style, run.String())
		}
	}
	return l
}

// heatTitle writes what a heatmap shows.
func heatTitle(l *look, source string, per int, over time.Duration, width int) string {
	each := ago(over*time.Duration(per)) + " each"
	return l.line(width).put(l.head, "LATENCY OF "+source).text("  ").put(l.muted, each).String()
}

// shortNanos writes a latency to two digits, for axes.
func shortNanos(ns int64) string {
	digits := int64(1)
	for ns/digits >= 100 {
		digits *= 10
	}
	return human.Nanos((ns + digits/2) / digits * digits)
}

// ago writes a time span in one unit or two.
func ago(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(time.Second).String()
	default:
		return human.Age(d)
	}
}
