package web

import (
	"encoding/json"
	"math"

	"github.com/farswap/farswap/dash/feed"
)

const (
	// finePoints is how many intervals the fine history goes back. coarsePer is how many
	// intervals a column of the coarse history spans, which goes back as far as the feed.
	finePoints = 300
	coarsePer  = 10
)

// levels are the letters for the counts of a cell. Level l stands for 2^(l/3) - 1
// durations, to within an eighth; the colours of a heatmap cannot show smaller differences.
const levels = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func level(count uint32) byte {
	return levels[min(int(math.Round(3*math.Log2(1+float64(count)))), len(levels)-1)]
}

// column is a column of a heatmap. Its JSON is the list
//
//	[number, time, span in ms, count, p50, p99, p999, first row, cells]
//
// Count is -1 if the server was silent. Cells has one letter of levels for each row, from
// the first row that is not empty to the last.
type column struct{ feed.Column }

// MarshalJSON is part of json.Marshaler.
func (c column) MarshalJSON() ([]byte, error) {
	count, first, cells := int64(c.Count), 0, []byte{}
	if c.Silent {
		count = -1
	}
	if n := len(c.Cells); n > 0 {
		first = int(c.Cells[0].Row)
		for range int(c.Cells[n-1].Row) - first + 1 {
			cells = append(cells, levels[0])
		}
		for _, cell := range c.Cells {
			cells[int(cell.Row)-first] = level(cell.Count)
		}
	}
	q := c.Latency
	return json.Marshal([]any{c.Seq, c.At.UnixMilli(), c.Over.Milliseconds(), count, rounded(q.P50), rounded(q.P99), rounded(q.P999), first, string(cells)})
}

// rounded keeps three digits, which are all that the page shows.
func rounded(ns int64) int64 {
	unit := int64(1)
	for n := ns; n >= 1000; n /= 10 {
		unit *= 10
	}
	return (ns + unit/2) / unit * unit
}

// columnsOf returns the columns of every source of some points.
func columnsOf(points []feed.Point, per int) map[string][]column {
	all := map[string][]column{}
	for _, source := range sources(points) {
		for _, c := range feed.Columns(points, source, per) {
			all[source] = append(all[source], column{c})
		}
	}
	return all
}

// sources returns the sources that any of the points has, in order of appearance.
func sources(points []feed.Point) []string {
	var names []string
	seen := map[string]bool{}
	for i := range points {
		for _, s := range points[i].Spans {
			if !seen[s.Source] {
				seen[s.Source] = true
				names = append(names, s.Source)
			}
		}
	}
	return names
}

// point is what happened in one interval. Its JSON is the list
//
//	[number, time, span in ms, values…]
//
// The values of a device are pages read from and written to donors and the backing file
// per second, zero pages read, errors, and pages by place (remote, backing, both). Those of
// a donor are bytes read and written per second, and bytes mapped, prepared, free and
// available. A point without values means that the server was silent.
type point []any

// pointHead is the number of entries before a point's values.
const pointHead = 3

func devicePoints(points []feed.Point) []point {
	var all []point
	for i := range points {
		p := &points[i]
		one := point{p.Seq, p.At.UnixMilli(), p.Over.Milliseconds()}
		if r := &p.Rates; p.Error == "" {
			one = append(one, tenth(r.RemoteReads), tenth(r.RemoteWrites), tenth(r.BackingReads), tenth(r.BackingWrites),
				tenth(r.ZeroReads), tenth(r.Errors), float64(p.Pages.Remote), float64(p.Pages.Backing), float64(p.Pages.Both))
		}
		all = append(all, one)
	}
	return all
}

func donorPoints(points []feed.DaemonPoint) []point {
	var all []point
	for i := range points {
		p := &points[i]
		one := point{p.Seq, p.At.UnixMilli(), p.Over.Milliseconds()}
		if m := &p.Memory; p.Error == "" {
			one = append(one, math.Round(p.Rates.BytesRead), math.Round(p.Rates.BytesWritten), float64(m.Mapped), float64(m.Prepared), float64(m.Free), float64(m.Available))
		}
		all = append(all, one)
	}
	return all
}

// joined makes one point of each coarsePer points. It spans their whole time and has the
// means of their values. Points of a group that is not complete yet are left out.
func joined(points []point) []point {
	var all []point
	for len(points) > 0 {
		first := points[0][0].(uint64) / coarsePer * coarsePer
		n := 1
		for n < len(points) && points[n][0].(uint64) < first+coarsePer {
			n++
		}
		if last := points[n-1][0].(uint64); last == first+coarsePer-1 {
			all = append(all, mean(points[:n], first))
		}
		points = points[n:]
	}
	return all
}

func mean(points []point, number uint64) point {
	var over int64
	var sums []float64
	heard := 0.0
	for _, p := range points {
		over += p[2].(int64)
		if len(p) == pointHead {
			continue
		}
		heard++
		for i, v := range p[pointHead:] {
			if len(sums) == i {
				sums = append(sums, 0)
			}
			sums[i] += v.(float64)
		}
	}
	one := point{number, points[len(points)-1][1], over}
	for _, sum := range sums {
		one = append(one, tenth(sum/heard))
	}
	return one
}

func tenth(v float64) float64 { return math.Round(10*v) / 10 }
