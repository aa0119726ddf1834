package mover

import (
	"context"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

// giveUp ends a move that gets no further though both donors are there. The backing file
// serves the slab; if it cannot, the move goes on later.
func (m *Mover) giveUp(o order, old, moved slabmap.Slab, cause error) error {
	if m.cfg.ended() {
		return cause
	}
	key := m.cfg.Keys.Get(o.slab, moved.Epoch)
	if err := m.drop(o, moved.Epoch, cause); err != nil {
		return err
	}
	if session, ok := m.cfg.Donors.Get(moved.Donor).Up(); ok {
		m.handBack(session, o.slab, moved.Donor, key)
	}
	m.quiesce(o.slab, old.Epoch, moved.Epoch)
	return nil
}

// drop leaves a slab that is not moved to the backing file, for the reason given. epoch is
// the slab's.
func (m *Mover) drop(o order, epoch uint64, cause error) error {
	if !m.droppable(o.slab) {
		return fmt.Errorf("slab %d has pages that are nowhere else, and is not moved: %w", o.slab, cause)
	}
	failed, err := m.cfg.Pages.Fail(o.slab, epoch)
	if err != nil {
		return err
	}
	begun := time.Now()
	placement.Release(m.cfg.Pages, m.cfg.Journal, m.cfg.Ended, []placement.Failed{{Slab: o.slab, Epoch: failed}})
	m.dropped(o.slab, o.donor, cause, time.Since(begun))
	m.decide(o, placement.NoDonor, 0, cause)
	return nil
}

func (m *Mover) dropped(slab int, from uint16, cause error, drained time.Duration) {
	m.mu.Lock()
	m.counts.Dropped++
	m.counts.Drained = drained
	m.mu.Unlock()
	m.cfg.Journal.Info(status.EventSlabDropped, "slab is dropped, not moved; the backing file serves it").
		At(slab).Of("from", m.cfg.Donors.Get(from)).Because(cause).With("drained", drained).Tell()
}

// handBack gives back what was lent for a move that does not come to its end. If the donor
// does not answer, an order tries it again.
func (m *Mover) handBack(s *control.Session, slab int, donor uint16, key verbs.Key) {
	if unmapKey(context.Background(), s, slab, key) != nil {
		m.HandBack(slab, donor, key)
	}
}

// HandBack orders one grant of memory to be given back, which key names.
func (m *Mover) HandBack(slab int, donor uint16, key verbs.Key) {
	m.orders.add(order{slab: slab, donor: donor, key: key, given: time.Now()})
	m.orders.rouse()
}

// quiesce waits until no operation is in flight at the old donor of a move. That is so at
// the latest when the slab has been given up, and each operation has a deadline.
func (m *Mover) quiesce(slab int, old, moved uint64) {
	pages := m.cfg.Pages
	for pages.InFlightUnder(slab, old) > 0 && pages.Slab(slab).Epoch <= moved+1 && !m.cfg.ended() {
		time.Sleep(placement.ReleasePause)
	}
}
