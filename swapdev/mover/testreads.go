package mover

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/verbs"
)

// runTests does the test reads that were ordered.
func (m *Mover) runTests(ctx context.Context, c *copier) {
	for _, id := range m.orders.takeTests() {
		d := m.cfg.Donors.Get(id)
		l, ok := m.tests.Of(d)
		if !ok {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, m.cfg.TestTime)
		reads, err := c.testReads(ctx, d, l, m.cfg.TestReads)
		cancel()
		if err != nil {
			m.cfg.Log.Debug().Err(err).Str("donor", d.Address()).Msg("test reads fail")
		}
		m.cfg.Steering.Tested(id, reads)
	}
}

// testReads reads n pages of a donor's memory, as many at a time as a copy does, and
// returns how long each took. When ctx ends, or with an error, they are fewer.
func (c *copier) testReads(ctx context.Context, d *lenders.Donor, l Lent, n int) (*loghist.Histogram, error) {
	reads := &loghist.Histogram{}
	if err := c.open(); err != nil {
		return reads, err
	}
	e, err := c.reach(ctx, d.ID())
	if err != nil {
		return reads, err
	}
	first, end := c.cfg.Pages.Geometry().PageRange(l.Slab)
	pages := end - first // the last slab may be short
	var begun [copySlots]time.Time
	post := func(i int) error {
		begun[i] = time.Now()
		return e.qp.Post(&verbs.WR{
			ID: uint64(i), Op: verbs.OpRead, Local: c.bytes(i, 0, 1),
			Remote: uint64(rand.Int64N(pages)) * slabmap.PageSize, Key: l.key,
		})
	}
	left := n
	for i := 0; i < copySlots && left > 0; i++ {
		if err := post(i); err != nil {
			return reads, err
		}
		left--
	}
	var done [copySlots]verbs.Completion
	for e.qp.Outstanding() > 0 {
		e.qp.Doorbell()
		if err := c.loop.Pass(tickInterval); err != nil {
			return reads, err
		}
		e.qp.Tick(c.loop.Now())
		for _, d := range done[:e.qp.Poll(done[:])] {
			if d.Status != verbs.StatusOK {
				continue // the connection's error says why
			}
			reads.Record(int64(time.Since(begun[d.ID])))
			if left == 0 || ctx.Err() != nil {
				continue
			}
			if err := post(int(d.ID)); err != nil {
				return reads, err
			}
			left--
		}
	}
	return reads, e.qp.Err()
}
