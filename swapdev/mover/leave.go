package mover

import (
	"context"
	"errors"
	"slices"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/placement"
)

// leaveSlow moves the slab away from a slow donor. It stays if the donor is well by now, or
// if no other has room that is not slow. With an error the move is under way, or has not
// come to anything.
func (c *carrier) leaveSlow(ctx context.Context) error {
	slab, donor := c.u.slab, c.u.donor
	s, steering := c.cfg.Pages.Slab(slab), c.cfg.Steering
	session, up := c.cfg.Donors.Get(donor).Up()
	if !up || s.State != slabmap.Mapped || s.Donor != donor || !steering.Verdict(donor).Slow {
		return nil
	}
	key := c.cfg.Keys.Get(slab, s.Epoch)
	cands := slices.DeleteFunc(c.chooser.Candidates(donor), func(c slabmap.Candidate) bool { return steering.Verdict(c.Donor).Slow })
	moved, err := c.beginMove(ctx, s, cands)
	switch {
	case err == nil:
	case errors.Is(err, errMakeWay), errors.Is(err, slabmap.ErrBusy):
		return err
	default:
		steering.Refused(slab)
		c.decide(donor, placement.NoDonor, 0, err)
		return nil
	}
	if err := c.finish(ctx, s, moved); err != nil {
		return err
	}
	if c.keeps(Lent{Slab: slab, key: key, session: session}) {
		return nil
	}
	c.giveUpGrant(session, donor, key)
	return nil
}
