package path

import (
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// Counts are what one queue has done. They belong to its thread; see [Queue.Figures] for
// a copy.
type Counts struct {
	status.IO
	BackPressure  uint64 // writes that waited for the backing file because no buffer was free
	BackingErrors uint64 // I/Os of the backing file that failed
}

// count records a finished request.
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

// Add adds another queue's counts.
func (c *Counts) Add(o *Counts) {
	c.Reads += o.Reads
	c.Writes += o.Writes
	c.Discards += o.Discards
	c.Flushes += o.Flushes
	c.Errors += o.Errors
	c.Corrupt += o.Corrupt
	c.Forged += o.Forged
	c.BytesRead += o.BytesRead
	c.BytesWritten += o.BytesWritten
	c.RemoteReads += o.RemoteReads
	c.RemoteWrites += o.RemoteWrites
	c.BackingReads += o.BackingReads
	c.BackingWrites += o.BackingWrites
	c.ZeroReads += o.ZeroReads
	c.Prefetched += o.Prefetched
	c.PrefetchHits += o.PrefetchHits
	c.HedgedReads += o.HedgedReads
	c.HedgedWins += o.HedgedWins
	c.BackPressure += o.BackPressure
	c.BackingErrors += o.BackingErrors
}
