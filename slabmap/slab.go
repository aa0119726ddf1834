package slabmap

import (
	"errors"
	"fmt"
)

// Errors of the transitions.
var (
	// ErrTransition means that the slab is in another state or epoch than the transition starts
	// from. The call has changed nothing: look at the slab again.
	ErrTransition = errors.New("slab is not in the state for this transition")
	// ErrBusy means that operations are in flight. The call has changed nothing: try again when
	// they are done.
	ErrBusy = errors.New("slab is busy")
)

// State is the state of a slab.
type State uint8

// The states of a slab. Zeroed memory is Unmapped.
const (
	Unmapped  State = iota // no donor: pages are in the backing file
	Mapping                // the device asks a donor
	Mapped                 // reads and writes go to the donor
	Draining               // only reads go to the donor
	Failed                 // the donor is lost, and its operations end
	Migrating              // reads and writes go to a new donor; reads of pages that have not moved go to the old one
	numStates
)

// String is the name of the state in status and logs.
func (s State) String() string {
	if s >= numStates {
		return "invalid"
	}
	return [numStates]string{"unmapped", "mapping", "mapped", "draining", "failed", "migrating"}[s]
}

// Slab is the state of a slab at one moment.
type Slab struct {
	State State
	Donor uint16 // meaningful only when mapped, migrating (the new one), draining or failed
	Epoch uint64 // 40 bits
}

// slabWord is the state of one slab: state (8 high bits), donor (16), epoch
// (40 low bits).
type slabWord uint64

const (
	epochBits = 40
	epochMask = 1<<epochBits - 1
	donorBits = 16
	tagBits   = 24
	maxTag    = 1<<tagBits - 1
	// lifeTags is how often the epoch grows at most from mapped to unmapped: at Fail and at
	// Release. No life of a slab spans the point at which tags begin again.
	lifeTags = 2
)

func packSlab(s State, donor uint16, epoch uint64) slabWord {
	return slabWord(s)<<(epochBits+donorBits) | slabWord(donor)<<epochBits | slabWord(epoch&epochMask)
}

func (w slabWord) state() State  { return State(w >> (epochBits + donorBits)) }
func (w slabWord) donor() uint16 { return uint16(w >> epochBits) }
func (w slabWord) epoch() uint64 { return uint64(w & epochMask) }
func (w slabWord) tag() uint32   { return uint32(w & maxTag) }
func (w slabWord) slab() Slab    { return Slab{w.state(), w.donor(), w.epoch()} }

// writes reports whether the donor takes writes.
func (w slabWord) writes() bool { return w.state() == Mapped || w.state() == Migrating }

// holds reports whether copies at the donor are valid.
func (w slabWord) holds() bool { return w.writes() || w.state() == Draining }

// migrates reports whether the donor before this one has valid copies.
func (w slabWord) migrates() bool { return w.state() == Migrating }

// counts reports whether a copy from a write under epoch is valid.
func (w slabWord) counts(epoch uint64) bool {
	return w.holds() && w.epoch() == epoch || w.migrates() && w.epoch() == epoch+1
}

// legal reports whether a server can have written w. A life under way has room for its remaining epochs, and
// only a slab that was never mapped has tag 0.
func (w slabWord) legal() bool {
	switch w.state() {
	case Unmapped:
		return w.donor() == 0 && (w == 0 || w.tag() != 0)
	case Mapping:
		return w.donor() == 0 && w.tag() != 0 && w.tag() <= maxTag-lifeTags
	case Mapped, Draining:
		return w.tag() != 0 && w.tag() <= maxTag-lifeTags
	case Migrating:
		return w.tag() > 1 && w.tag() <= maxTag-lifeTags
	case Failed:
		return w.tag() > 1 && w.tag() < maxTag
	}
	return false
}

// transition is one row of the table of legal transitions.
type transition struct {
	name  string
	from  [numStates]bool
	to    State
	step  uint64 // growth of the epoch
	keeps bool   // the slab keeps its donor
}

// BeginMap and BeginMove have no row, because their new epoch depends on the tag.
var (
	completeMap = transition{"complete the mapping of", [numStates]bool{Mapping: true}, Mapped, 0, false}
	abortMap    = transition{"give up the mapping of", [numStates]bool{Mapping: true}, Unmapped, 0, false}
	beginDrain  = transition{"drain", [numStates]bool{Mapped: true}, Draining, 0, true}
	endMove     = transition{"end the move of", [numStates]bool{Migrating: true}, Mapped, 0, true}
	fail        = transition{"fail", [numStates]bool{Mapped: true, Migrating: true, Draining: true}, Failed, 1, true}
	endDrain    = transition{"end the draining of", [numStates]bool{Draining: true}, Unmapped, 1, false}
	release     = transition{"release", [numStates]bool{Failed: true}, Unmapped, 1, false}
)

// starts reports whether t can start from w, for a caller that means epoch.
func (t *transition) starts(w slabWord, epoch uint64) bool {
	return w.epoch() == epoch && t.from[w.state()]
}

func (t *transition) refuse(slab int, epoch uint64, w slabWord) error {
	return fmt.Errorf("%s slab %d at epoch %d, which is %s at epoch %d: look at it again: %w",
		t.name, slab, epoch, w.state(), w.epoch(), ErrTransition)
}

// Slab returns the state of slab.
func (m *Map) Slab(slab int) Slab { return slabWord(m.slabs[slab].word.Load()).slab() }

// BeginMap takes slab from unmapped to mapping and returns its new epoch, which the other transitions need.
// Once in about five million lives of the slab it goes through all of its pages: see sweep.
func (m *Map) BeginMap(slab int) (epoch uint64, err error) {
	word := &m.slabs[slab].word
	w := slabWord(word.Load())
	epoch = w.epoch() + 1
	wrap := w.tag()+1 > maxTag-lifeTags
	if wrap {
		epoch = ((w.epoch() | maxTag) + 2) & epochMask
	}
	if w.state() != Unmapped || !word.CompareAndSwap(uint64(w), uint64(packSlab(Mapping, 0, epoch))) {
		return 0, fmt.Errorf("map slab %d, which is %s: %w", slab, w.state(), ErrTransition)
	}
	if wrap {
		// The slab is mapping: it has no valid remote copy.
		m.sweep(slab, func(tag uint32) bool { return tag != 0 })
	}
	return epoch, nil
}

// sweep voids those tags of pages of slab that over is true for, so that they can be given again. No remote copy
// under them is valid, and no operation in flight could record one.
func (m *Map) sweep(slab int, over func(tag uint32) bool) {
	first, end := m.geometry.PageRange(slab)
	for i := first; i < end; i++ {
		p := &m.pages[i]
		for w := p.Load(); over(pageWord(w).tag()); w = p.Load() {
			if p.CompareAndSwap(w, uint64(pageWord(w)&^tagMask)) {
				m.changed(i) // the census may have counted it under that tag
				break
			}
		}
	}
}

// CompleteMap takes slab from mapping to mapped: donor has memory for it.
func (m *Map) CompleteMap(slab int, epoch uint64, donor uint16) error {
	_, err := m.transit(slab, epoch, &completeMap, donor)
	return err
}

// AbortMap takes slab from mapping back to unmapped: no donor was found.
func (m *Map) AbortMap(slab int, epoch uint64) error {
	_, err := m.transit(slab, epoch, &abortMap, 0)
	return err
}

// BeginDrain takes slab from mapped to draining. From then on writes go elsewhere, and reads of the donor's
// copies still work.
func (m *Map) BeginDrain(slab int, epoch uint64) error {
	_, err := m.transit(slab, epoch, &beginDrain, 0)
	return err
}

// Fail takes slab from mapped, migrating or draining to failed and returns its new epoch, which Release needs.
// It voids all remote copies at once. Of several threads that notice the same loss one succeeds, and the
// others get ErrTransition.
func (m *Map) Fail(slab int, epoch uint64) (failed uint64, err error) {
	return m.transit(slab, epoch, &fail, 0)
}

// EndDrain takes slab from draining to unmapped and voids its remote copies.
// ErrBusy means that operations are in flight.
func (m *Map) EndDrain(slab int, epoch uint64) error { return m.giveUp(slab, epoch, &endDrain) }

// Release takes slab from failed to unmapped. epoch is that from Fail.
// ErrBusy means that operations are in flight.
func (m *Map) Release(slab int, epoch uint64) error { return m.giveUp(slab, epoch, &release) }

// transit does one transition with one compare-and-swap and returns the epoch after it. The slab is at donor
// from then on, unless t keeps the old donor.
func (m *Map) transit(slab int, epoch uint64, t *transition, donor uint16) (uint64, error) {
	word := &m.slabs[slab].word
	w := slabWord(word.Load())
	if !t.starts(w, epoch) {
		return 0, t.refuse(slab, epoch, w)
	}
	if t.keeps {
		donor = w.donor()
	}
	next := epoch + t.step
	for !word.CompareAndSwap(uint64(w), uint64(packSlab(t.to, donor, next))) {
		// Mapped to draining and migrating to mapped leave a slab where t may still start.
		if w = slabWord(word.Load()); !t.starts(w, epoch) {
			return 0, t.refuse(slab, epoch, w)
		}
	}
	return next, nil
}
