package swapdev

import (
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
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
	c.Prefetched += o.Prefetched
	c.PrefetchHits += o.PrefetchHits
	c.BackPressure += o.BackPressure
	c.BackingErrors += o.BackingErrors
}

// What a queue measures the latencies of.
const (
	ofRead = iota // requests, from their coming to their answer
	ofWrite
	ofRemoteRead // parts that succeeded
	ofRemoteWrite
	ofBackingRead
	ofBackingWrite
	sources
)

// sourceNames are the sources in status.
var sourceNames = [sources]string{
	status.SourceRead, status.SourceWrite, status.SourceRemoteRead,
	status.SourceRemoteWrite, status.SourceBackingRead, status.SourceBackingWrite,
}

// latencies are durations by source.
type latencies [sources]loghist.Histogram

func (l *latencies) add(o *latencies) {
	for i := range l {
		l[i].Add(&o[i])
	}
}

// report is the latencies for status.
func (l *latencies) report() []status.Histogram {
	all := make([]status.Histogram, 0, sources)
	for i := range l {
		all = append(all, status.Histogram{Source: sourceNames[i], Latency: l[i]})
	}
	return all
}

func quantiles(h *loghist.Histogram) status.Quantiles {
	return status.Quantiles{P50: h.Quantile(0.5), P99: h.Quantile(0.99), P999: h.Quantile(0.999)}
}
