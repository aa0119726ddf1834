package slabmap

import "fmt"

// A move takes a slab from one donor to another while it stays in use:
//
//	mapped at the old donor ──BeginMove──► migrating ──EndMove──► mapped at the new one
//
// From BeginMove on writes go to the new donor under a new epoch. Reads of pages without a new write go to
// the old donor, under the epoch before. The mover copies those pages, each under a claim (BeginWrite,
// EndWrite with the new epoch), so that no write comes in between. Writes that were on their way to the old
// donor still record a copy there. When no page is left at the old donor (Old) and no operation under the old
// epoch is in flight, EndMove voids the rest, and the memory at the old donor is free.
//
// If the old donor is lost, call EndMove at once: the moved pages are valid. If the new donor is lost, call
// Fail: the moved pages are lost with it.

// BeginMove takes slab from mapped to migrating to donor and returns the new epoch. ErrBusy means that
// operations of the move before are in flight. ErrTransition also means that the slab has moved so often,
// millions of times, that the caller must map it anew. One goroutine at a time moves a slab.
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

// OldDonor returns the donor that a migrating slab is leaving, and false if the slab is not migrating.
func (m *Map) OldDonor(slab int) (uint16, bool) {
	e := &m.slabs[slab]
	w := slabWord(e.word.Load())
	old := uint16(e.old.Load())
	return old, w.migrates() && slabWord(e.word.Load()) == w
}
