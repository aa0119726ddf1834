package feed

import (
	"time"

	"github.com/farswap/farswap/status"
)

// Column is one source's latency over a few points in a row: a column of a heatmap.
type Column struct {
	Seq     uint64           `json:"seq"`     // of the first point that it can have
	At      time.Time        `json:"at"`      // of its last point
	Over    time.Duration    `json:"over_ns"` // all its points together
	Count   uint64           `json:"count"`
	Latency status.Quantiles `json:"latency_ns"`
	Cells   []Cell           `json:"cells"`  // rows that are not empty, ascending
	Silent  bool             `json:"silent"` // the server did not answer in any of its points
}

// Columns makes columns for one source, oldest first, from per points each. The numbers of
// points decide which of them a column joins, so a column stays the same when later points
// come. The points must be consecutive, as [Feed.Points] returns them.
func Columns(points []Point, source string, per int) []Column {
	per = max(per, 1)
	var columns []Column
	for len(points) > 0 {
		first := points[0].Seq - points[0].Seq%uint64(per)
		n := 1
		for n < len(points) && points[n].Seq < first+uint64(per) {
			n++
		}
		columns = append(columns, join(points[:n], source, first))
		points = points[n:]
	}
	return columns
}

func join(points []Point, source string, first uint64) Column {
	c := Column{Seq: first, At: points[len(points)-1].At, Silent: true}
	var rows [Rows]uint64
	var spans []Span
	for i := range points {
		c.Over += points[i].Over
		c.Silent = c.Silent && points[i].Error != ""
		if s, ok := points[i].Span(source); ok && s.Count > 0 {
			spans = append(spans, s)
		}
	}
	for _, s := range spans {
		c.Count += s.Count
		for _, cell := range s.Cells {
			rows[cell.Row] += uint64(cell.Count)
		}
	}
	if len(spans) == 1 { // exact, and nothing to add up
		c.Latency, c.Cells = spans[0].Latency, spans[0].Cells
		return c
	}
	c.Latency = status.Quantiles{P50: quantile(&rows, 0.5), P99: quantile(&rows, 0.99), P999: quantile(&rows, 0.999)}
	c.Cells = []Cell{}
	for row, n := range rows {
		if n > 0 {
			c.Cells = append(c.Cells, Cell{uint8(row), uint32(min(n, 1<<32-1))})
		}
	}
	return c
}
