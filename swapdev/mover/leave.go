package mover

import (
	"context"
	"slices"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/placement"
)

// leaveSlow moves a slab away from a slow donor. The slab stays if the donor is well by
// now, or if no other has room that is not slow. With an error the move is under way.
func (m *Mover) leaveSlow(ctx context.Context, c *copier, o order) error {
	s, steering := m.cfg.Pages.Slab(o.slab), m.cfg.Steering
	session, up := m.cfg.Donors.Get(o.donor).Up()
	if !up || s.State != slabmap.Mapped || s.Donor != o.donor || !steering.Verdict(o.donor).Slow {
		return nil
	}
	key := m.cfg.Keys.Get(o.slab, s.Epoch)
	cands := slices.DeleteFunc(m.chooser.Candidates(o.donor), func(c slabmap.Candidate) bool { return steering.Verdict(c.Donor).Slow })
	m.by = placement.Choice{}
	moved, err := m.beginMove(ctx, o.slab, s, cands)
	if err != nil {
		steering.Refused(o.slab)
		m.decide(o, placement.NoDonor, 0, err)
		return nil
	}
	if err := m.finish(ctx, c, o, s, moved); err != nil {
		return err
	}
	if m.keeps(o, Lent{o.slab, key, session}) {
		return nil
	}
	return unmapKey(ctx, session, o.slab, key)
}
