package mover

import (
	"context"
	"errors"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/placement"
)

// mappingPause is before another look at a slab that is just being mapped.
const mappingPause = 20 * time.Millisecond

// giveBack ends the slab's stay at the donor that wants it back, and tells the donor so. An
// order that is tried again, because the donor did not answer in time, is about what the
// donor lent then: the slab may have been mapped there anew.
func (c *carrier) giveBack(ctx context.Context) error {
	o := c.orders.now(c.u)
	for c.cfg.Pages.Slab(o.slab).State == slabmap.Mapping { // there, perhaps
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(mappingPause):
		}
	}
	session, ok := c.cfg.Donors.Get(o.donor).Session()
	if !ok || c.copier.losses[o.donor].Load() != o.losses {
		return nil // lost with all its slabs
	}
	key, there := c.orders.means(c.u)
	if key == 0 {
		return nil // it was given back before
	}
	if there {
		if err := c.vacate(ctx); err != nil {
			return err
		}
		if c.keeps(Lent{Slab: o.slab, key: key, session: session}) {
			return nil
		}
	}
	c.tests.forget(o.donor, key) // if it was lent for those
	return unmapKey(ctx, session, o.slab, key)
}

// vacate takes everything of the slab away from the donor that wants it back, until no
// operation is in flight there.
func (c *carrier) vacate(ctx context.Context) error {
	c.by = placement.Choice{}
	if old, ok := c.cfg.Pages.OldDonor(c.u.slab); ok { // a move in the middle
		if err := c.goOn(ctx, old); err != nil || old == c.u.donor {
			return err
		}
	}
	s := c.cfg.Pages.Slab(c.u.slab)
	if !placement.Holds(s) || s.Donor != c.u.donor {
		return nil
	}
	switch {
	case !c.droppable():
	case c.cfg.Steering.Distrusted(s.Donor):
		return c.drop(s.Donor, s.Epoch, errForged)
	case c.orders.overdue(c.u):
		return c.drop(s.Donor, s.Epoch, errHurried)
	}
	moved, err := c.beginMove(ctx, s, c.chooser.Candidates(s.Donor))
	switch {
	case err == nil:
		return c.finish(ctx, s, moved)
	case ctx.Err() != nil || errors.Is(err, errMakeWay) || errors.Is(err, slabmap.ErrBusy):
		return err
	}
	return c.drop(s.Donor, s.Epoch, err)
}

// goOn finishes a move away from old that made way or got stuck. Either that move is what
// is ordered, or the donor that the slab was moving to wants it back now. Then old gets its
// memory back at once, and the slab can go there.
func (c *carrier) goOn(ctx context.Context, old uint16) error {
	s := c.cfg.Pages.Slab(c.u.slab)
	before := slabmap.Slab{State: s.State, Donor: old, Epoch: s.Epoch - 1}
	if old == c.u.donor {
		c.by = c.orders.now(c.u).by
		return c.finish(ctx, before, s)
	}
	key := c.cfg.Keys.Get(c.u.slab, before.Epoch)
	if err := c.finish(ctx, before, s); err != nil {
		return err
	}
	if session, ok := c.cfg.Donors.Get(old).Session(); ok {
		c.giveUpGrant(session, old, key)
	}
	return nil
}

// keeps reports whether the memory that the slab had at a slow donor is kept for test reads.
// The donor may have asked for it meanwhile.
func (c *carrier) keeps(l Lent) bool {
	return c.orders.ifSlow(c.u, func() bool { return c.tests.keep(c.u.donor, l) })
}
