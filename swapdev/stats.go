package swapdev

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"farswap/status"
	"farswap/ublk"
)

// Counts are what one queue has done. They belong to its thread; a copy is
// taken through Loop.Post.
type Counts struct {
	status.IO
	BackPressure  uint64 // writes that waited for the backing file for want of a buffer
	BackingErrors uint64
}

// count takes a finished request down.
func (c *Counts) count(r *request, res int32) {
	bytes := uint64(max(res, 0))
	switch r.op {
	case ublk.OpRead:
		c.Reads++
		c.BytesRead += bytes
	case ublk.OpWrite:
		c.Writes++
		c.BytesWritten += bytes
	case ublk.OpDiscard, ublk.OpWriteZeroes:
		c.Discards++
	case ublk.OpFlush:
		c.Flushes++
	}
	if res < 0 {
		c.Errors++
	}
}

// add sums two queues' counts.
func (c *Counts) add(o *Counts) {
	c.Reads += o.Reads
	c.Writes += o.Writes
	c.Discards += o.Discards
	c.Flushes += o.Flushes
	c.Errors += o.Errors
	c.Corrupt += o.Corrupt
	c.BytesRead += o.BytesRead
	c.BytesWritten += o.BytesWritten
	c.RemoteReads += o.RemoteReads
	c.RemoteWrites += o.RemoteWrites
	c.BackingReads += o.BackingReads
	c.BackingWrites += o.BackingWrites
	c.ZeroReads += o.ZeroReads
	c.BackPressure += o.BackPressure
	c.BackingErrors += o.BackingErrors
}

// latencies are the times from a request's coming to its answer.
type latencies struct{ read, write *hdrhistogram.Histogram }

func newLatencies() latencies { return latencies{newHistogram(), newHistogram()} }

func (l latencies) record(op ublk.Op, ns int64) {
	switch op {
	case ublk.OpRead:
		record(l.read, ns)
	case ublk.OpWrite:
		record(l.write, ns)
	}
}

// Bounds of a latency histogram, in nanoseconds; two significant digits.
const (
	leastLatency = int64(time.Microsecond)
	mostLatency  = int64(time.Minute)
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(leastLatency, mostLatency, 2) }

func record(h *hdrhistogram.Histogram, ns int64) {
	// Within the bounds it cannot fail.
	_ = h.RecordValue(min(max(ns, leastLatency), mostLatency))
}

func quantiles(h *hdrhistogram.Histogram) status.Quantiles {
	if h.TotalCount() == 0 {
		return status.Quantiles{}
	}
	return status.Quantiles{P50: h.ValueAtQuantile(50), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9)}
}
