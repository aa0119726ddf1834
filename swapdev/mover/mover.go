package mover

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/farswap/farswap/status"
)

// Run carries out orders until ctx ends, each on a goroutine of its own.
func (m *Mover) Run(ctx context.Context) {
	var carrying sync.WaitGroup
	defer func() {
		carrying.Wait()
		if err := m.copier.stop(); err != nil {
			m.cfg.Journal.Error(status.EventFault, "connections of moves do not end").Because(err).Tell()
		}
	}()
	later := time.NewTimer(0)
	defer later.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.orders.wake:
		case <-later.C:
		}
		for _, donor := range m.orders.takeTests() {
			carrying.Go(func() { m.test(ctx, donor) })
		}
		for {
			u, wait := m.orders.next(time.Now())
			if u == nil {
				if wait > 0 {
					later.Reset(wait)
				}
				break
			}
			carrying.Go(func() { m.carryOut(ctx, u) })
		}
	}
}

// carryOut does what an order says, and puts it in line again if that cannot be done now.
func (m *Mover) carryOut(ctx context.Context, u *underWay) {
	c := newCarrier(m, u)
	var err error
	if o := m.orders.now(u); o.slow && !o.begun {
		err = c.leaveSlow(ctx)
	} else {
		err = c.giveBack(ctx)
	}
	again := err != nil && ctx.Err() == nil
	o := m.orders.finished(u, func(o order) (order, bool) {
		if again {
			o, again = c.again(o, err)
		}
		return o, again
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, errMakeWay) && (o.tries == 1 || o.tries == orderTries) {
		m.cfg.Journal.Warn(status.EventSlabKept, "a slab is not given back to its donor").At(o.slab).
			Of("donor", m.cfg.Donors.Get(o.donor)).Because(err).With("tries", o.tries).Tell()
	}
}

// again is an order that could not be carried out, as it goes in line again. It reports
// false if that has been tried often enough. An order that made way can begin at once. A
// slab that both donors serve has an order until that ends.
func (c *carrier) again(o order, err error) (order, bool) {
	old, moves := c.cfg.Pages.OldDonor(o.slab)
	if o.begun = moves && old == o.donor; o.begun {
		o.by, o.key = c.by, c.key(o.slab, old)
	}
	if errors.Is(err, errMakeWay) {
		return o, true
	}
	o.tries++
	o.after = time.Now().Add(orderPause)
	return o, o.tries < orderTries || o.begun
}
