package feed

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/internal/loghist"
)

// TestRows: every bucket lies in its row, and rows follow each other.
func TestRows(t *testing.T) {
	for bucket := range loghist.Buckets {
		from, to := loghist.Bounds(bucket)
		low, high := RowBounds(Row(bucket))
		if from < low || to > high {
			t.Errorf("bucket %d, %d to %d, is not in row %d, %d to %d", bucket, from, to, Row(bucket), low, high)
		}
	}
	for row := 1; row < Rows; row++ {
		_, before := RowBounds(row - 1)
		from, to := RowBounds(row)
		if from != before || to <= from {
			t.Errorf("row %d is from %d to %d, the one before to %d", row, from, to, before)
		}
	}
	if Row(loghist.Buckets-1) != Rows-1 || Row(0) != 0 {
		t.Errorf("the ends are in rows %d and %d of %d", Row(0), Row(loghist.Buckets-1), Rows)
	}
}

func drawHistogram(t *rapid.T, label string) *loghist.Histogram {
	h := &loghist.Histogram{}
	for _, ns := range rapid.SliceOfN(rapid.Int64Range(0, 1<<36), 0, 60).Draw(t, label) {
		h.Record(ns)
	}
	return h
}

// TestRowQuantile: a quantile of rows lies in the row of the histogram's.
func TestRowQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistogram(t, "durations")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var rows [Rows]uint64
		for bucket, n := range h.Counts {
			rows[Row(bucket)] += n
		}
		exact, rough := h.Quantile(q), quantile(&rows, q)
		if Row(loghist.Index(uint64(exact))) != Row(loghist.Index(uint64(rough))) {
			t.Errorf("quantile %v: %d of the histogram, %d of its rows", q, exact, rough)
		}
	})
}

// TestColumns: nothing is lost or counted twice, and what is a column stays one when
// later points come.
func TestColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var points []Point
		total := uint64(0)
		first := rapid.Uint64Range(1, 20).Draw(t, "first")
		for i := range rapid.IntRange(0, 30).Draw(t, "points") {
			p := Point{Seq: first + uint64(i), Over: 1}
			if rapid.Bool().Draw(t, "silent") {
				p.Error = "silent"
			} else {
				h := drawHistogram(t, "durations")
				total += h.Count()
				p.Spans = []Span{newSpan("a", h), newSpan("b", &loghist.Histogram{})}
			}
			points = append(points, p)
		}
		per := rapid.IntRange(1, 7).Draw(t, "per")
		columns := Columns(points, "a", per)
		count, cells, over := uint64(0), uint64(0), 0
		for i, c := range columns {
			count += c.Count
			over += int(c.Over)
			for _, cell := range c.Cells {
				cells += uint64(cell.Count)
			}
			if c.Seq%uint64(per) != 0 || i > 0 && c.Seq != columns[i-1].Seq+uint64(per) {
				t.Errorf("column %d begins at %d, %d each", i, c.Seq, per)
			}
			if c.Silent && c.Count > 0 {
				t.Errorf("column %d is silent and has %d", i, c.Count)
			}
		}
		if count != total || cells != total || over != len(points) {
			t.Errorf("columns have %d durations, %d in cells, of %d points; want %d of %d", count, cells, over, total, len(points))
		}
		if n := len(points); n > 0 {
			earlier := Columns(points[:n-1], "a", per)
			for i := 0; i < len(earlier)-1; i++ {
				if earlier[i].Seq != columns[i].Seq || earlier[i].Count != columns[i].Count {
					t.Errorf("column %d was %+v, is %+v", i, earlier[i], columns[i])
				}
			}
		}
	})
}
