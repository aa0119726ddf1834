package slabmap

import (
	"fmt"
	"strconv"
)

// closed is added to a slab's count of operations while the slab is being
// given up. It is far from any count, so that operations that come and see it
// can count themselves out again in any order.
const closed = -1 << 62

// Acquire counts an operation in and returns the slab, if it is mapped: its
// donor and keys stay what they are until Done. False means that it is not
// mapped, or about to be unmapped, and nothing was counted.
func (m *Map) Acquire(slab int) (Slab, bool) {
	e := &m.slabs[slab]
	if e.inflight.Add(1) > 0 {
		if w := slabWord(e.word.Load()); w.state() == Mapped {
			return w.slab(), true
		}
	}
	e.inflight.Add(-1)
	return Slab{}, false
}

// AcquireRead is Acquire for reads, which a draining slab serves too.
func (m *Map) AcquireRead(slab int) (Slab, bool) {
	e := &m.slabs[slab]
	if e.inflight.Add(1) > 0 {
		if w := slabWord(e.word.Load()); w.holds() {
			return w.slab(), true
		}
	}
	e.inflight.Add(-1)
	return Slab{}, false
}

// Done counts out an operation that Acquire or AcquireRead counted in, once
// the donor's memory and keys are used no more on its behalf. It panics if
// there is none.
func (m *Map) Done(slab int) {
	// A slab with an operation counted in is not closed.
	if m.slabs[slab].inflight.Add(-1) < 0 {
		panic("slabmap: Done of slab " + strconv.Itoa(slab) + " without an operation in flight")
	}
}

// InFlight is the number of operations counted in. It may count one too many
// for the moment in which Acquire finds that it cannot.
func (m *Map) InFlight(slab int) int {
	n := m.slabs[slab].inflight.Load()
	if n < 0 {
		n -= closed
	}
	return int(n)
}

// giveUp does a transition to unmapped. The slab is closed meanwhile: else a
// read could be counted in between the look at the count and the transition.
func (m *Map) giveUp(slab int, epoch uint64, t *transition) error {
	e := &m.slabs[slab]
	if w := slabWord(e.word.Load()); !t.starts(w, epoch) {
		return t.refuse(slab, epoch, w)
	}
	if !e.inflight.CompareAndSwap(0, closed) {
		return fmt.Errorf("%s slab %d with %d operations in flight: wait for them: %w",
			t.name, slab, m.InFlight(slab), ErrBusy)
	}
	defer e.inflight.Add(-closed)
	_, err := m.transit(slab, epoch, t, 0)
	return err
}
