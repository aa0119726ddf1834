package mover

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/farswap/farswap/status"
)

// Run carries out orders until ctx ends, on a thread of its own.
func (m *Mover) Run(ctx context.Context) {
	runtime.LockOSThread() // the copier's ring
	defer runtime.UnlockOSThread()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.orders.wake:
		}
		m.carryOut(ctx)
	}
}

// carryOut does what has been ordered. Its connections end with it: a connection that
// waits would keep an adapter from being removed.
func (m *Mover) carryOut(ctx context.Context) {
	c := newCopier(&m.cfg, &m.Corrupt)
	defer func() {
		if err := c.close(); err != nil {
			m.cfg.Journal.Error(status.EventFault, "connections of a move do not end").Because(err).Tell()
		}
	}()
	for ctx.Err() == nil {
		m.runTests(ctx, c)
		o, ok := m.orders.next()
		if !ok {
			return
		}
		var err error
		if o.slow && !o.begun {
			err = m.leaveSlow(ctx, c, o)
		} else {
			err = m.giveBack(ctx, c, o)
		}
		if o = m.orders.finished(); err != nil && ctx.Err() == nil {
			m.again(ctx, o, err)
		}
	}
}

// again puts an order that could not be carried out in line again, after a pause. An order
// that made way is in line at once.
func (m *Mover) again(ctx context.Context, o order, err error) {
	if !errors.Is(err, errMakeWay) && !m.pause(ctx, &o, err) {
		return
	}
	old, moves := m.cfg.Pages.OldDonor(o.slab)
	if o.begun = moves && old == o.donor; o.begun {
		o.by, o.key = m.by, m.key(o.slab, old)
	}
	m.orders.add(o)
}

// pause counts a try that failed, and reports whether there is to be another.
func (m *Mover) pause(ctx context.Context, o *order, err error) bool {
	if o.tries++; o.tries == 1 || o.tries == orderTries {
		m.cfg.Journal.Warn(status.EventSlabKept, "a slab is not given back to its donor").At(o.slab).
			Of("donor", m.cfg.Donors.Get(o.donor)).Because(err).With("tries", o.tries).Tell()
	}
	if o.tries == orderTries {
		return false
	}
	select {
	case <-ctx.Done():
	case <-time.After(orderPause):
	}
	return true
}
