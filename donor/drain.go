package donor

import (
	"context"
	"math"
	"time"
)

// drainBatch is how many bytes a draining donor asks back at a time. Devices copy moved slabs
// over the links that also carry their page I/O.
const drainBatch = 256 << 20

// drainFarewell is how long a drained donor goes on, so that it can answer the device that
// returned the last slab.
const drainFarewell = 250 * time.Millisecond

// Drain begins to give everything back and does not wait. The donor lends nothing any more and
// asks its devices to move or drop their slabs, drainBatch at a time. When no slab is left, Serve
// returns. A drain cannot be undone. A second call does nothing.
func (d *Donor) Drain() {
	if d.ledger.isDraining() {
		return
	}
	d.ledger.drain()
	held, _ := d.ledger.left()
	d.log.Info().Int64("bytes", held).Msg("drain begins: the donor lends nothing any more")
	d.again()
}

// again wakes govern, so that a drain does its next step before the next tick.
func (d *Donor) again() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// drainOn does the next step of a drain. Without a drain it does nothing.
func (d *Donor) drainOn(ctx context.Context) {
	if !d.ledger.isDraining() || d.ctx.Err() != nil {
		return
	}
	d.pool.allow(0)
	d.pool.release(math.MaxInt64)
	held, returning := d.ledger.left()
	if held == 0 {
		select {
		case <-time.After(drainFarewell):
		case <-ctx.Done():
		}
		d.log.Info().Msg("drained: the donor ends")
		d.stop(nil)
		return
	}
	if want := min(drainBatch, held) - returning; want > 0 {
		d.takeBack(ctx, want, false, whyDrain)
	}
}
