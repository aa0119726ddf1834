package feed

import (
	"math"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// The rows of a heatmap: coarser than the buckets of loghist, so that an hour of them
// fits into little memory.
const (
	RowsPerOctave = 4
	bucketsPerRow = loghist.PerOctave / RowsPerOctave

	// Rows is the number of rows; the first and the last are for durations out of
	// loghist's range.
	Rows = (loghist.Buckets-2)/bucketsPerRow + 2
)

// Row returns the row of a bucket of loghist.
func Row(bucket int) int {
	switch {
	case bucket <= 0:
		return 0
	case bucket >= loghist.Buckets-1:
		return Rows - 1
	}
	return 1 + (bucket-1)/bucketsPerRow
}

// RowBounds returns the shortest duration of a row and the first that is too long for it,
// in nanoseconds. For the last row the second is math.MaxUint64.
func RowBounds(row int) (from, to uint64) { return rowLower(row), rowLower(row + 1) }

func rowLower(row int) uint64 {
	switch {
	case row <= 0:
		return 0
	case row >= Rows:
		return math.MaxUint64
	}
	from, _ := loghist.Bounds(1 + (row-1)*bucketsPerRow)
	return from
}

// Cell is how many durations fell into a row. Counts end at 2³²-1.
type Cell struct {
	Row   uint8  `json:"row"`
	Count uint32 `json:"count"`
}

// Span is the latency of one source over one interval.
type Span struct {
	Source  string           `json:"source"` // of package status
	Count   uint64           `json:"count"`
	Sum     uint64           `json:"sum_ns"`
	Latency status.Quantiles `json:"latency_ns"`
	Cells   []Cell           `json:"cells"` // rows that are not empty, ascending
}

// newSpan makes a span of a histogram.
func newSpan(source string, h *loghist.Histogram) Span {
	s := Span{
		Source: source, Count: h.Count(), Sum: h.Sum,
		Latency: status.Quantiles{P50: h.Quantile(0.5), P99: h.Quantile(0.99), P999: h.Quantile(0.999)},
	}
	var rows [Rows]uint64
	used := 0
	for bucket, n := range h.Counts {
		row := Row(bucket)
		if n > 0 && rows[row] == 0 {
			used++
		}
		rows[row] += n
	}
	s.Cells = make([]Cell, 0, used)
	for row, n := range rows {
		if n > 0 {
			s.Cells = append(s.Cells, Cell{uint8(row), uint32(min(n, math.MaxUint32))})
		}
	}
	return s
}

// quantile returns the duration that a share q of all durations in the rows does not
// exceed. It assumes that durations are spread evenly over their row, as
// loghist.Histogram.Quantile does for buckets.
func quantile(rows *[Rows]uint64, q float64) int64 {
	n := uint64(0)
	for _, c := range rows {
		n += c
	}
	if n == 0 {
		return 0
	}
	rank := max(1, uint64(math.Ceil(q*float64(n))))
	below := uint64(0)
	for row, c := range rows {
		if below+c < rank {
			below += c
			continue
		}
		if row == Rows-1 {
			break
		}
		from, to := RowBounds(row)
		return int64(from + uint64(float64(to-from)*float64(rank-below)/float64(c+1)))
	}
	return loghist.Most
}
