package slabmap

import (
	"fmt"
	"strconv"
	"sync/atomic"
)

// closed is added to a slab's counts of operations while the slab is being
// given up. It is far from any count, so that operations that come and see it
// can count themselves out again in any order.
const closed = -1 << 62

// count is of the operations that were counted in under epoch. There are two, since
// a move has operations at two donors: those of the old one go on under the epoch
// before, and are over before the next move begins.
func (e *entry) count(epoch uint64) *atomic.Int64 { return &e.inflight[epoch&1] }

// Acquire counts an operation in and returns the slab, if its donor takes writes:
// donor and keys stay what they are until Done. False means that it takes none, or
// is about to be unmapped, and nothing was counted.
func (m *Map) Acquire(slab int) (Slab, bool) { return m.slabs[slab].acquire(slabWord.writes) }

// AcquireRead is Acquire for reads, which a draining slab serves too.
func (m *Map) AcquireRead(slab int) (Slab, bool) { return m.slabs[slab].acquire(slabWord.holds) }

func (e *entry) acquire(can func(slabWord) bool) (Slab, bool) {
	for w := slabWord(e.word.Load()); can(w); {
		// Counted in first: who changes the word looks at the count afterwards.
		if e.count(w.epoch()).Add(1) > 0 {
			if now := slabWord(e.word.Load()); now.epoch() == w.epoch() && can(now) {
				return now.slab(), true
			}
		}
		e.count(w.epoch()).Add(-1)
		next := slabWord(e.word.Load())
		if next == w {
			break // closed
		}
		w = next
	}
	return Slab{}, false
}

// AcquireOld counts a read in at the donor that the slab is moving away from. The
// slab returned has that donor, and the epoch before the move.
func (m *Map) AcquireOld(slab int) (Slab, bool) {
	e := &m.slabs[slab]
	w := slabWord(e.word.Load())
	if !w.migrates() {
		return Slab{}, false
	}
	epoch := w.epoch() - 1
	if e.count(epoch).Add(1) > 0 && slabWord(e.word.Load()) == w {
		return Slab{Migrating, uint16(e.old.Load()), epoch}, true
	}
	e.count(epoch).Add(-1)
	return Slab{}, false
}

// Done counts out an operation that was counted in under epoch, once the donor's
// memory and keys are used no more on its behalf. It panics if there is none.
func (m *Map) Done(slab int, epoch uint64) {
	// A slab with an operation counted in is not closed.
	if m.slabs[slab].count(epoch).Add(-1) < 0 {
		panic("slabmap: Done of slab " + strconv.Itoa(slab) + " without an operation in flight")
	}
}

// InFlight is the number of operations counted in. It may count one too many
// for the moment in which Acquire finds that it cannot.
func (m *Map) InFlight(slab int) int { return m.InFlightUnder(slab, 0) + m.InFlightUnder(slab, 1) }

// InFlightUnder is the number of those that were counted in under epoch, which is
// the slab's or the one before.
func (m *Map) InFlightUnder(slab int, epoch uint64) int {
	n := m.slabs[slab].count(epoch).Load()
	if n < closed/2 {
		n -= closed
	}
	return int(n)
}

// giveUp does a transition to unmapped. The slab is closed meanwhile: else a
// read could be counted in between the look at the counts and the transition.
func (m *Map) giveUp(slab int, epoch uint64, t *transition) error {
	e := &m.slabs[slab]
	if w := slabWord(e.word.Load()); !t.starts(w, epoch) {
		return t.refuse(slab, epoch, w)
	}
	if !e.close() {
		return fmt.Errorf("%s slab %d with %d operations in flight: wait for them: %w",
			t.name, slab, m.InFlight(slab), ErrBusy)
	}
	_, err := m.transit(slab, epoch, t, 0)
	for i := range e.inflight {
		e.inflight[i].Add(-closed)
	}
	return err
}

// close keeps operations from being counted in, if there are none.
func (e *entry) close() bool {
	if !e.inflight[0].CompareAndSwap(0, closed) {
		return false
	}
	if !e.inflight[1].CompareAndSwap(0, closed) {
		e.inflight[0].Add(-closed)
		return false
	}
	return true
}
