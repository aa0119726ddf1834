package donor

import (
	"context"
	"time"

	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/internal/memory"
)

// machine is the machine's memory as last looked at.
type machine struct {
	total, available int64 // bytes; available is smoothed
	stall            float64
	short            bool // less is available than the headroom
	blind            bool // it could not be looked at the last time
}

// Why slabs go back.
const (
	whyHeadRoom = "headroom"
	whyResize   = "resize"
	whyDrain    = "drain"
)

// govern looks at the machine's memory once a tick until the context ends, and
// does what package evict says.
func (d *Donor) govern(ctx context.Context) {
	ticker := time.NewTicker(d.cfg.Tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case now := <-ticker.C:
			d.tick(ctx, now.Sub(last).Seconds())
			last = now
		case <-d.poke: // nothing is due, but a drain can go on
			d.drainOn(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// tick is one look at the memory and what follows from it. It waits for devices'
// answers at most for patience.activity. It must not be called twice at a time.
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

// looked remembers what was seen, and says when the memory becomes short and when
// it no longer is.
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
			event, text = d.log.Warn(), "memory is short: nothing is lent, slabs go back"
		}
		event.Int64("available", sample.Available).Int64("smoothed", now.available).Int64("headroom", keep).
			Float64("stall", now.stall).Bool("urgent", plan.Urgent).Msg(text)
	}
	if before.blind {
		d.log.Info().Msg("available memory can be told again")
	}
}

// cannotLook ends preparing ahead until the memory can be seen again. What is lent
// stays: nothing says that it is needed.
func (d *Donor) cannotLook(err error) {
	d.pool.allow(0)
	d.mu.Lock()
	first := !d.machine.blind
	d.machine.blind = true
	d.mu.Unlock()
	if first {
		d.log.Error().Err(err).Msg("available memory cannot be told: the headroom is not watched")
	}
}
