package swapdev

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// errHurried is why a slab is dropped that could have been moved.
var errHurried = errors.New("its donor is short of memory, and to move it takes too long")

// giveBack ends a slab's stay at the donor that wants it back, and tells it so. An
// order that is tried again, because the donor did not answer in time, is about what
// the donor lent then: the slab may have been mapped there anew.
func (m *mover) giveBack(ctx context.Context, c *copier, o order) error {
	e := m.engine
	for e.pages.Slab(o.slab).State == slabmap.Mapping { // there, perhaps
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(mappingPause):
		}
	}
	session, ok := e.donors.get(o.donor).up()
	if !ok {
		return nil // lost with all its slabs
	}
	key, there := m.means(o)
	if key == 0 {
		return nil // it was given back before
	}
	if there {
		if err := m.vacate(ctx, c, o); err != nil {
			return err
		}
		if m.keeps(o, lentForTests{session, o.slab, key}) {
			return nil
		}
	}
	e.tests.forget(o.donor, key) // if it was lent for those
	return unmapKey(ctx, session, o.slab, key)
}

// unmapKey gives back what a donor lends of a slab under a key.
func unmapKey(ctx context.Context, s *control.Session, slab int, key verbs.Key) error {
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	err := s.UnmapKey(ctx, uint32(slab), uint64(key))
	if errors.Is(err, control.ErrUnknownSlab) || s.Err() != nil {
		return nil // it has it, or is lost
	}
	return err
}

// handBack is unmapKey of what was lent for a move that does not come to its end. If
// the donor does not answer, an order has it tried again.
func (m *mover) handBack(s *control.Session, slab int, donor uint16, key verbs.Key) {
	if unmapKey(context.Background(), s, slab, key) == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, order{slab: slab, donor: donor, key: key, given: time.Now()})
}

// vacate has nothing of a slab be at the donor that wants it back, and no operation
// be in flight there.
func (m *mover) vacate(ctx context.Context, c *copier, o order) error {
	m.by = choice{}
	if old, ok := m.engine.pages.OldDonor(o.slab); ok { // a move in the middle
		if err := m.goOn(ctx, c, o, old); err != nil || old == o.donor {
			return err
		}
	}
	s := m.engine.pages.Slab(o.slab)
	if !holds(s) || s.Donor != o.donor {
		return nil
	}
	if m.overdue() && m.engine.droppable(o.slab) {
		return m.drop(o, s.Epoch, errHurried)
	}
	moved, err := m.beginMove(ctx, o.slab, s, m.candidates(s.Donor))
	switch {
	case err == nil:
		return m.finish(ctx, c, o, s, moved)
	case ctx.Err() != nil:
		return err
	}
	return m.drop(o, s.Epoch, err)
}

// goOn finishes a move that made way or got stuck, away from old: it is what is ordered, or
// the donor that the slab was moving to wants it back now. Then old has its memory back at
// once, and the slab can go there.
func (m *mover) goOn(ctx context.Context, c *copier, o order, old uint16) error {
	s := m.engine.pages.Slab(o.slab)
	before := slabmap.Slab{State: s.State, Donor: old, Epoch: s.Epoch - 1}
	if old == o.donor {
		m.by = o.by
		return m.finish(ctx, c, o, before, s)
	}
	key := m.engine.keys.get(o.slab, before.Epoch)
	o.donor, o.slow = old, false
	if err := m.finish(ctx, c, o, before, s); err != nil {
		return err
	}
	if session, ok := m.engine.donors.get(old).up(); ok {
		m.handBack(session, o.slab, old, key)
	}
	return nil
}

// finish brings a move to its end. old is the slab before it, moved since.
func (m *mover) finish(ctx context.Context, c *copier, o order, old, moved slabmap.Slab) error {
	e := m.engine
	begun := time.Now()
	copying, cancel := m.untilOverdue(ctx, o.slab)
	pages, err := m.copyAll(copying, c, o.slab, old, moved.Epoch)
	cancel()
	if err == nil {
		err = e.pages.EndMove(o.slab, moved.Epoch)
	}
	now := e.pages.Slab(o.slab)
	if now.State == slabmap.Migrating && now.Epoch == moved.Epoch {
		if errors.Is(err, errMakeWay) {
			return err // gone on with later: the slab is served by both donors until then
		}
		return m.giveUp(o, old, moved, err)
	}
	m.quiesce(o.slab, old.Epoch, moved.Epoch)
	if now.State != slabmap.Mapped || now.Epoch != moved.Epoch {
		return nil // the new donor is lost, and the backing file serves the slab
	}
	took := time.Since(begun)
	m.mu.Lock()
	m.counts.moved++
	m.counts.pages += uint64(pages)
	m.counts.last = took
	if o.slow {
		m.counts.slow++
	}
	m.mu.Unlock()
	e.steering.moved(o.slab)
	m.decide(o, int(moved.Donor), took, nil)
	e.journal.info(status.EventSlabMoved, "slab is moved").at(o.slab).of("to", e.donors.get(moved.Donor)).
		with("from", e.donors.get(old.Donor).address).with("pages", pages).with("took", took.Round(time.Microsecond)).tell()
	return nil
}

// beginMove finds the slab one of cands, and sends writes there from now on. It returns
// the slab as it is then.
func (m *mover) beginMove(ctx context.Context, slab int, s slabmap.Slab, cands []slabmap.Candidate) (moved slabmap.Slab, err error) {
	err = m.find(ctx, cands, func(d *donor, by choice) error {
		epoch, err := m.moveTo(ctx, slab, s, d)
		moved = slabmap.Slab{State: slabmap.Migrating, Donor: d.id, Epoch: epoch}
		m.by = by
		return err
	})
	return moved, err
}

// moveTo has a donor lend memory for the slab, and begins the move.
func (m *mover) moveTo(ctx context.Context, slab int, s slabmap.Slab, d *donor) (epoch uint64, err error) {
	session, ok := d.up()
	if !ok {
		return 0, fmt.Errorf("donor %s: %w", d.address, ErrNoDonor)
	}
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	if err := m.engine.tests.release(ctx, d, slab); err != nil {
		return 0, err
	}
	info, err := session.Map(ctx, uint32(slab), uint64(m.engine.cfg.SlabSize), false, d.over())
	if err != nil {
		if ctx.Err() != nil {
			session.Abort(err) // it may have been carried out: the session's end undoes it
		}
		return 0, err
	}
	err = d.open(session, slab, s.Epoch+1, verbs.Key(info.Key), func() error {
		epoch, err = m.engine.pages.BeginMove(slab, s.Epoch, d.id)
		return err
	})
	if err != nil {
		m.handBack(session, slab, d.id, verbs.Key(info.Key))
	}
	return epoch, err
}

// copyAll copies the pages that are at the old donor until none is left, also over
// connections made anew. It returns how many.
func (m *mover) copyAll(ctx context.Context, c *copier, slab int, s slabmap.Slab, epoch uint64) (pages int, err error) {
	for range copyTries {
		n, err := c.copy(ctx, slab, s, epoch)
		pages += n
		if err == nil || errors.Is(err, errMoveOver) {
			return pages, err
		}
		if ctx.Err() != nil {
			return pages, context.Cause(ctx)
		}
		m.engine.cfg.Log.Debug().Err(err).Int("slab", slab).Msg("a move goes on with new connections")
		select {
		case <-ctx.Done():
			return pages, context.Cause(ctx)
		case <-time.After(copyPause):
		}
	}
	return pages, fmt.Errorf("move slab %d: its pages cannot be copied: %w", slab, ErrNoDonor)
}
