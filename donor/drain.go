package donor

import (
	"context"
	"math"
	"time"
)

// drainBatch is how many bytes are asked back at a time while a donor is drained:
// devices copy what they move over their ordinary links.
const drainBatch = 256 << 20

// drainFarewell is how long a drained donor stays, so that the device that returned
// the last slab gets its answer.
const drainFarewell = 250 * time.Millisecond

// Drain begins to give everything back: nothing is lent any more, slabs are moved
// or dropped by their devices, drainBatch at a time, and when none is left Serve
// returns. It does not wait. It may be called again. There is no way back.
func (d *Donor) Drain() {
	if d.ledger.isDraining() {
		return
	}
	d.ledger.drain()
	held, _ := d.ledger.left()
	d.log.Info().Int64("bytes", held).Msg("drain begins: nothing is lent any more")
	d.again()
}

// again lets a drain go on before the next tick.
func (d *Donor) again() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// drainOn does the next step of a drain, if there is one.
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
		d.stop()
		return
	}
	if want := min(drainBatch, held) - returning; want > 0 {
		d.takeBack(ctx, want, false, whyDrain)
	}
}
