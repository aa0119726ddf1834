package swapdev

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// giveUp ends a move that gets no further though both donors are there: the backing
// file serves the slab, or if it cannot, the move is gone on with later.
func (m *mover) giveUp(o order, old, moved slabmap.Slab, cause error) error {
	if m.engine.ended() {
		return cause
	}
	key := m.engine.keys.get(o.slab, moved.Epoch)
	if err := m.drop(o, moved.Epoch, cause); err != nil {
		return err
	}
	if session, ok := m.engine.donors.get(moved.Donor).up(); ok {
		m.handBack(session, o.slab, moved.Donor, key)
	}
	m.quiesce(o.slab, old.Epoch, moved.Epoch)
	return nil
}

// drop has the backing file serve a slab that is not moved, for the reason given. epoch is the slab's.
func (m *mover) drop(o order, epoch uint64, cause error) error {
	if !m.engine.droppable(o.slab) {
		return fmt.Errorf("slab %d has pages that are nowhere else, and is not moved: %w", o.slab, cause)
	}
	failed, err := m.engine.pages.Fail(o.slab, epoch)
	if err != nil {
		return err
	}
	begun := time.Now()
	m.engine.releaseSlabs([]failedSlab{{o.slab, failed}})
	m.dropped(o.slab, o.donor, cause, time.Since(begun))
	m.decide(o, noDonor, 0, cause)
	return nil
}

func (m *mover) dropped(slab int, from uint16, cause error, drained time.Duration) {
	m.mu.Lock()
	m.counts.dropped++
	m.counts.drained = drained
	m.mu.Unlock()
	m.engine.journal.info(status.EventSlabDropped, "slab is dropped, not moved; the backing file serves it").
		at(slab).of("from", m.engine.donors.get(from)).because(cause).with("drained", drained).tell()
}

// droppable reports whether the backing file has, or is about to have, every page
// of slab.
func (e *engine) droppable(slab int) bool {
	if e.backing == nil {
		return false
	}
	first, end := e.pages.Geometry().PageRange(slab)
	for page := first; page < end; page++ {
		if v := e.pages.Look(page); v.Place == slabmap.Remote && !v.Pending && !v.Writing {
			return false
		}
	}
	return true
}

// quiesce waits until no operation is in flight at the old donor of a move: that is
// so at the latest when the slab has been given up, and each has a deadline.
func (m *mover) quiesce(slab int, old, moved uint64) {
	pages := m.engine.pages
	for pages.InFlightUnder(slab, old) > 0 && pages.Slab(slab).Epoch <= moved+1 && !m.engine.ended() {
		time.Sleep(releasePause)
	}
}
