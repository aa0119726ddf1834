package swapdev

import (
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

// This is what an engine does with the map that a dead server has left: it claims the slabs of each donor,
// and brings to an end what was in the middle.

// left lists what the map says is at a donor.
func (e *engine) left(donor uint16) []lenders.Left {
	var list []lenders.Left
	for slab := range e.pages.Geometry().Slabs() {
		s := e.pages.Slab(slab)
		if old, moves := e.pages.OldDonor(slab); moves && old == donor {
			list = append(list, lenders.Left{Slab: slab, Epoch: s.Epoch - 1, Key: e.shared.Keys.Get(slab, s.Epoch-1)})
		}
		if placement.Holds(s) && s.Donor == donor {
			list = append(list, lenders.Left{Slab: slab, Epoch: s.Epoch, Key: e.shared.Keys.Get(slab, s.Epoch)})
		}
	}
	return list
}

// claimed makes a slab usable that a donor still has.
func (e *engine) claimed(l lenders.Left, key verbs.Key) {
	e.shared.Keys.Set(l.Slab, l.Epoch, key)
}

// returned hears that a donor can be used. Moves away from there that the server before has begun go on.
func (e *engine) returned(donor uint16, otherTransport bool) {
	e.steering.Returned(donor, otherTransport)
	e.mapper.Wake()
	for slab := range e.pages.Geometry().Slabs() {
		if old, moves := e.pages.OldDonor(slab); moves && old == donor {
			e.moves.Resume(slab, donor, e.shared.Keys.Get(slab, e.pages.Slab(slab).Epoch-1))
		}
	}
}

// renewed has operations on a slab use another key, and reports whether they used the one before.
func (e *engine) renewed(l lenders.Left, key verbs.Key) bool {
	return e.shared.Keys.Replace(l.Slab, l.Epoch, l.Key, key)
}

// forsaken takes note that a donor has not got a slab any more.
func (e *engine) forsaken(donor uint16, l lenders.Left) {
	failed := placement.FailSlab(e.pages, l.Slab, donor)
	e.failovers.Add(uint64(len(failed)))
	e.journal.Warn(status.EventSlabDropped, "a donor does not have a slab any more; the backing file serves it").
		At(l.Slab).Of("from", e.donors.Get(donor)).Tell()
	placement.Release(e.pages, e.journal, e.over, failed)
}

// tidy frees the slabs that had failed when the server before died. Nothing of it is in flight.
func (e *engine) tidy() {
	for slab := range e.pages.Geometry().Slabs() {
		if s := e.pages.Slab(slab); s.State == slabmap.Failed {
			placement.Release(e.pages, e.journal, e.over, []placement.Failed{{Slab: slab, Epoch: s.Epoch}})
		}
	}
}
