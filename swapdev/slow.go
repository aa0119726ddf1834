package swapdev

import (
	"context"
	"slices"
	"time"

	"github.com/farswap/farswap/slabmap"
)

// leaveSlow moves a slab away from a slow donor. It stays if the donor is well by now,
// or if no other has room that is not slow. With an error the move is under way.
func (m *mover) leaveSlow(ctx context.Context, c *copier, o order) error {
	e := m.engine
	s := e.pages.Slab(o.slab)
	d := e.donors.get(o.donor)
	session, up := d.up()
	if !up || s.State != slabmap.Mapped || s.Donor != o.donor || !e.steering.verdict(o.donor).Slow {
		return nil
	}
	key := e.keys.get(o.slab, s.Epoch)
	cands := slices.DeleteFunc(m.candidates(o.donor), func(c slabmap.Candidate) bool { return e.steering.verdict(c.Donor).Slow })
	m.by = choice{}
	moved, err := m.beginMove(ctx, o.slab, s, cands)
	if err != nil {
		e.steering.refused(o.slab)
		m.decide(o, noDonor, 0, err)
		return nil
	}
	if err := m.finish(ctx, c, o, s, moved); err != nil {
		return err
	}
	if m.keeps(o, lentForTests{session, o.slab, key}) {
		return nil
	}
	return unmapKey(ctx, session, o.slab, key)
}

// keeps reports whether the memory that a slab had at a slow donor is kept for test
// reads. The donor may have asked for it meanwhile.
func (m *mover) keeps(o order, l lentForTests) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.order.slow && m.engine.tests.keep(o.donor, l)
}

// decide takes down what has become of a slab that was to leave its donor. cause is why
// it went to none.
func (m *mover) decide(o order, to int, took time.Duration, cause error) {
	d := decision{slab: o.slab, from: int(o.donor), to: to, rule: slabmap.GivenBack, took: took, figures: m.by.figures}
	if o.slow {
		d.rule = slabmap.SlowDonor
	}
	if cause != nil {
		d.refusal, d.figures = cause.Error(), nil
	}
	d.figures = append(slices.Clip(d.figures), m.engine.steering.figureOf(o.donor))
	m.engine.steering.decide(d)
}
