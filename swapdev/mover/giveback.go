package mover

import (
	"context"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/placement"
)

// mappingPause is before another look at a slab that is just being mapped.
const mappingPause = 20 * time.Millisecond

// giveBack ends a slab's stay at the donor that wants it back, and tells the donor so. An
// order that is tried again, because the donor did not answer in time, is about what the
// donor lent then: the slab may have been mapped there anew.
func (m *Mover) giveBack(ctx context.Context, c *copier, o order) error {
	for m.cfg.Pages.Slab(o.slab).State == slabmap.Mapping { // there, perhaps
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(mappingPause):
		}
	}
	session, ok := m.cfg.Donors.Get(o.donor).Up()
	if !ok {
		return nil // lost with all its slabs
	}
	key, there := m.orders.means(o)
	if key == 0 {
		return nil // it was given back before
	}
	if there {
		if err := m.vacate(ctx, c, o); err != nil {
			return err
		}
		if m.keeps(o, Lent{o.slab, key, session}) {
			return nil
		}
	}
	m.tests.forget(o.donor, key) // if it was lent for those
	return unmapKey(ctx, session, o.slab, key)
}

// vacate takes everything of a slab away from the donor that wants it back, until no
// operation is in flight there.
func (m *Mover) vacate(ctx context.Context, c *copier, o order) error {
	m.by = placement.Choice{}
	if old, ok := m.cfg.Pages.OldDonor(o.slab); ok { // a move in the middle
		if err := m.goOn(ctx, c, o, old); err != nil || old == o.donor {
			return err
		}
	}
	s := m.cfg.Pages.Slab(o.slab)
	if !placement.Holds(s) || s.Donor != o.donor {
		return nil
	}
	if m.orders.overdue() && m.droppable(o.slab) {
		return m.drop(o, s.Epoch, errHurried)
	}
	moved, err := m.beginMove(ctx, o.slab, s, m.chooser.Candidates(s.Donor))
	switch {
	case err == nil:
		return m.finish(ctx, c, o, s, moved)
	case ctx.Err() != nil:
		return err
	}
	return m.drop(o, s.Epoch, err)
}

// goOn finishes a move away from old that made way or got stuck. Either that move is what
// is ordered, or the donor that the slab was moving to wants it back now. Then old gets its
// memory back at once, and the slab can go there.
func (m *Mover) goOn(ctx context.Context, c *copier, o order, old uint16) error {
	s := m.cfg.Pages.Slab(o.slab)
	before := slabmap.Slab{State: s.State, Donor: old, Epoch: s.Epoch - 1}
	if old == o.donor {
		m.by = o.by
		return m.finish(ctx, c, o, before, s)
	}
	key := m.cfg.Keys.Get(o.slab, before.Epoch)
	o.donor, o.slow = old, false
	if err := m.finish(ctx, c, o, before, s); err != nil {
		return err
	}
	if session, ok := m.cfg.Donors.Get(old).Up(); ok {
		m.handBack(session, o.slab, old, key)
	}
	return nil
}

// keeps reports whether the memory that a slab had at a slow donor is kept for test reads.
// The donor may have asked for it meanwhile.
func (m *Mover) keeps(o order, l Lent) bool {
	return m.orders.ifSlow(func() bool { return m.tests.keep(o.donor, l) })
}
