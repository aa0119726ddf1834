package slabmap

import "fmt"

// A move takes a slab from one donor to another while it stays in use:
//
//	mapped at the old donor ──BeginMove──► migrating ──EndMove──► mapped at the new one
//	           ▲                               │
//	           └───────────AbortMove───────────┘
//
// From BeginMove on writes go to the new donor under a new epoch. Reads of pages without a new write go to
// the old donor, under the epoch before. The mover copies those pages, each under a claim (BeginWrite, EndCopy),
// so that no write comes in between. Writes that were on their way to the old donor still record a copy there.
// When no page is left at the old donor (Old) and no operation under the old epoch is in flight, EndMove voids
// the rest, and the memory at the old donor is free.
//
// If the old donor is lost, call EndMove at once: the moved pages are valid. If the new donor is lost, call
// AbortMove: the pages that have not moved are valid at the old donor, as before the move.
//
// AbortMove takes the epoch back. So two moves of a slab can have the same epoch, and what is void after the
// first must not become valid with the second. BeginMove sees to that: it refuses while an operation of the
// first is in flight, and then voids the tags that the first has left.

// BeginMove takes slab from mapped to migrating to donor and returns the new epoch. ErrBusy means that
// operations of the move before are in flight. ErrTransition also means that the slab has moved so often,
// millions of times, that the caller must map it anew. One goroutine at a time moves a slab. BeginMove goes
// through all pages of the slab.
func (m *Map) BeginMove(slab int, epoch uint64, donor uint16) (moved uint64, err error) {
	e := &m.slabs[slab]
	w := slabWord(e.word.Load())
	next := epoch + 1
	switch {
	case w.state() != Mapped || w.epoch() != epoch || w.tag()+1 > maxTag-lifeTags:
		return 0, fmt.Errorf("move slab %d at epoch %d, which is %s at epoch %d: look at it again: %w",
			slab, epoch, w.state(), w.epoch(), ErrTransition)
	case m.InFlightUnder(slab, next) > 0:
		return 0, fmt.Errorf("move slab %d with %d operations of an earlier move in flight: wait for them: %w",
			slab, m.InFlightUnder(slab, next), ErrBusy)
	}
	m.sweep(slab, func(tag uint32) bool { return tag == uint32(next&maxTag) })
	e.old.Store(uint64(w.donor()))
	if !e.word.CompareAndSwap(uint64(w), uint64(packSlab(Migrating, donor, next))) {
		return 0, fmt.Errorf("move slab %d at epoch %d, which has just changed: look at it again: %w", slab, epoch, ErrTransition)
	}
	return next, nil
}

// EndMove takes slab from migrating to mapped at its new donor and voids copies at the old donor. epoch is
// that from BeginMove.
func (m *Map) EndMove(slab int, epoch uint64) error {
	_, err := m.transit(slab, epoch, &endMove, 0)
	return err
}

// AbortMove takes slab from migrating to donor back to mapped at its old donor, and returns its epoch there.
// It voids the copies at the new donor. epoch is that from BeginMove. ErrTransition also means that the slab
// migrates to another donor.
func (m *Map) AbortMove(slab int, epoch uint64, donor uint16) (before uint64, err error) {
	e := &m.slabs[slab]
	w := slabWord(e.word.Load())
	old := uint16(e.old.Load())
	// While the word stays the same, the old donor does, too.
	if !w.migrates() || w.epoch() != epoch || w.donor() != donor ||
		!e.word.CompareAndSwap(uint64(w), uint64(packSlab(Mapped, old, epoch-1))) {
		w = slabWord(e.word.Load())
		return 0, fmt.Errorf("abort the move of slab %d to donor %d at epoch %d, which is %s at donor %d and epoch %d: look at it again: %w",
			slab, donor, epoch, w.state(), w.donor(), w.epoch(), ErrTransition)
	}
	return epoch - 1, nil
}

// EndCopy ends the claim of a page that was copied from the old donor to the new one, under epoch. It reports
// whether the new copy counts from now on. If it does not, because the move is over or the page was not at the
// old donor, the page keeps its copies. It keeps its Seal, because a copy is stored as it was: see NextCounter.
// Call EndCopy before the Done of the operation. It panics if no write of the page is under way.
func (m *Map) EndCopy(page int64, epoch uint64) bool {
	s := slabWord(m.slabs[page>>m.slabShift].word.Load())
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&flagWriting == 0 {
			misused("EndCopy", page)
		}
		next := w.counted() &^ flagWriting
		// A void tag is 0, and so is that of the epoch before the first.
		moved := s.holds() && s.epoch() == epoch && w&flagRemote != 0 && w.tag() != 0 && w.tag() == uint32((epoch-1)&maxTag)
		if moved {
			next = next&^tagMask | pageWord(epoch&maxTag)<<tagShift
		}
		if p.CompareAndSwap(uint64(w), uint64(next)) {
			if moved {
				m.changed(page)
			}
			return moved
		}
	}
}

// OldDonor returns the donor that a migrating slab is leaving, and false if the slab is not migrating.
func (m *Map) OldDonor(slab int) (uint16, bool) {
	e := &m.slabs[slab]
	w := slabWord(e.word.Load())
	old := uint16(e.old.Load())
	return old, w.migrates() && slabWord(e.word.Load()) == w
}
