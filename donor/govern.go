package donor

import (
	"context"
	"time"

	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/internal/memory"
)

// machine is the last sample of the machine's memory.
type machine struct {
	total, available int64 // bytes; available is smoothed
	stall            float64
	short            bool // less is available than the headroom
	blind            bool // the last attempt to read it failed
}

// Reasons for which slabs go back.
const (
	whyHeadRoom = "headroom"
	whyResize   = "resize"
	whyDrain    = "drain"
)

// govern samples the machine's memory once a tick until the context ends, and carries out the
// plans of package evict.
func (d *Donor) govern(ctx context.Context) {
	ticker := time.NewTicker(d.cfg.Tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case now := <-ticker.C:
			d.tick(ctx, now.Sub(last).Seconds())
			last = now
		case <-d.poke: // no tick is due, but a drain can do its next step
			d.drainOn(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// tick takes one sample of the memory and carries out the plan that follows from it. It waits
// for answers of devices for patience.activity at most. One goroutine at a time calls it.
func (d *Donor) tick(ctx context.Context, seconds float64) {
	d.ticks.Add(1)
	sample, err := d.cfg.Sampler.Sample()
	if err != nil {
		d.cannotLook(err)
		d.drainOn(ctx)
		return
	}
	lent := d.ledger.lent()
	plan := d.governor.Tick(seconds, evict.Sample(sample), lent)
	d.looked(sample, plan)
	if d.ledger.isDraining() {
		d.drainOn(ctx)
		return
	}
	d.pool.allow(plan.Prepare)
	if released := d.pool.release(plan.Release); released > 0 {
		d.log.Info().Int64("bytes", released).Msg("prepared slabs went back to the kernel")
	}
	if plan.Hurry {
		d.hurry()
	}
	if plan.Evict > 0 {
		why := whyHeadRoom
		if lent.Mapped-lent.Returning > lent.Limit {
			why = whyResize
		}
		d.takeBack(ctx, plan.Evict, plan.Urgent, why)
	}
}

// looked stores a sample, and logs when the memory becomes short and when that ends.
func (d *Donor) looked(sample memory.Sample, plan evict.Plan) {
	keep := d.governor.HeadRoom()
	d.mu.Lock()
	before := d.machine
	d.machine = machine{
		total: sample.Total, available: plan.Available, stall: sample.Stall,
		short: plan.Available < keep || plan.Urgent,
	}
	now := d.machine
	d.mu.Unlock()
	if now.short != before.short {
		event, text := d.log.Info(), "memory is no longer short"
		if now.short {
			event, text = d.log.Warn(), "memory is short: the donor lends nothing and takes slabs back"
		}
		event.Int64("available", sample.Available).Int64("smoothed", now.available).Int64("headroom", keep).
			Float64("stall", now.stall).Bool("urgent", plan.Urgent).Msg(text)
	}
	if before.blind {
		d.log.Info().Msg("the donor can read the available memory again")
	}
}

// cannotLook stops preparing slabs until a sample succeeds again. Lent memory stays lent,
// because nothing shows that the machine needs it.
func (d *Donor) cannotLook(err error) {
	d.pool.allow(0)
	d.mu.Lock()
	first := !d.machine.blind
	d.machine.blind = true
	d.mu.Unlock()
	if first {
		d.log.Error().Err(err).Msg("the donor cannot read the available memory: it does not watch the headroom")
	}
}
