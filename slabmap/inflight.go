package slabmap

import (
	"fmt"
	"strconv"
	"sync/atomic"
)

// giveUp adds closed to the counts of a slab during the transition. closed is far from any count, so that
// operations that see it can count themselves out again in any order.
const closed = -1 << 62

// count returns the counter of operations under epoch. There are two, because a move has operations at two
// donors: those at the old donor run under the epoch before, and end before the next move begins.
func (e *entry) count(epoch uint64) *atomic.Int64 { return &e.inflight[epoch&1] }

// Acquire counts an operation in and returns the slab if its donor takes writes. Donor and keys do not change
// until Done. False means that the donor takes no writes, or that the slab is about to be unmapped; then
// Acquire has counted nothing.
func (m *Map) Acquire(slab int) (Slab, bool) { return m.slabs[slab].acquire(slabWord.writes) }

// AcquireRead is Acquire for reads, which a draining slab serves, too.
func (m *Map) AcquireRead(slab int) (Slab, bool) { return m.slabs[slab].acquire(slabWord.holds) }

func (e *entry) acquire(can func(slabWord) bool) (Slab, bool) {
	for w := slabWord(e.word.Load()); can(w); {
		// The count comes first, since a transition looks at the count after it changes the word.
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

// AcquireOld counts a read in at the donor that the slab is leaving. It returns the slab with that donor and
// with the epoch before the move.
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

// Done counts an operation under epoch out. Call it once the operation no longer uses the donor's memory and
// keys. It panics if no operation is counted in.
func (m *Map) Done(slab int, epoch uint64) {
	// No slab is closed while an operation is counted in.
	if m.slabs[slab].count(epoch).Add(-1) < 0 {
		panic("slabmap: Done of slab " + strconv.Itoa(slab) + " without an operation in flight")
	}
}

// InFlight is the number of operations counted in. It can be one too high while an Acquire fails.
func (m *Map) InFlight(slab int) int { return m.InFlightUnder(slab, 0) + m.InFlightUnder(slab, 1) }

// InFlightUnder is the number of operations under epoch, which is the slab's epoch or the one before.
func (m *Map) InFlightUnder(slab int, epoch uint64) int {
	n := m.slabs[slab].count(epoch).Load()
	if n < closed/2 {
		n -= closed
	}
	return int(n)
}

// giveUp does a transition to unmapped. It closes the slab meanwhile, so that no read can be counted in
// between the look at the counts and the transition.
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

// close closes the slab against new operations. It returns false if operations are counted in.
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
