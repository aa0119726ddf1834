package slabmap

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
)

// ErrMemory means that the memory for New is too small for the map, or contains something else.
var ErrMemory = errors.New("unusable map memory")

// magic begins every map and names the version of its layout: "slabmap" 2.
const magic = uint64('s')<<56 | 'l'<<48 | 'a'<<40 | 'b'<<32 | 'm'<<24 | 'a'<<16 | 'p'<<8 | 2

// MemoryNeeded is the number of bytes that New needs for a valid g: at most
// 0.2% of the device if its last slab is full, or 0.6% if the device is sealed.
func MemoryNeeded(g Geometry) int {
	perPage := wordSize
	if g.Sealed {
		perPage += sealSize
	}
	return headerSize + g.Slabs()*entrySize + int(g.Pages())*perPage
}

// Map is the state of a device. Make one with New.
type Map struct {
	geometry  Geometry
	slabShift uint // page >> slabShift is its slab
	recovered bool
	slabs     []entry
	pages     []atomic.Uint64
	seals     []sealWords // nil unless the device is sealed
	lacking   lacking
}

// New lays a map over mem. mem must begin on an 8-byte boundary and have at least MemoryNeeded(g) bytes. It
// must be off the Go heap and stay in place while the map is in use, and nobody else may change it.
//
// Zeros in mem mean a new device. Anything else must be the map of an earlier server for a device of the same
// geometry. New checks every word. If one is not legal, it returns an error wrapping ErrMemory and changes
// nothing. New ends the operations of the earlier server: no page is Writing or Pending (the kernel issues
// those requests again), slabs in mapping become unmapped, and no operation is in flight. Slabs that are
// mapped, migrating, draining or failed stay so: the caller asks their donors, and fails the slabs of donors
// that it cannot reach.
func New(g Geometry, mem []byte) (*Map, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if need := MemoryNeeded(g); len(mem) < need {
		return nil, fmt.Errorf("map of a %d-byte device in %d bytes: give %d: %w", g.Size, len(mem), need, ErrMemory)
	}
	if !aligned(mem) {
		return nil, fmt.Errorf("map at an odd address: give memory on an 8-byte boundary: %w", ErrMemory)
	}
	m := &Map{geometry: g, slabShift: uint(bits.TrailingZeros64(uint64(g.PagesPerSlab())))}
	var h *header
	h, m.slabs, m.pages, m.seals = lay(g, mem)
	sealed := uint64(0)
	if g.Sealed {
		sealed = 1
	}
	if *h == (header{}) {
		if !zero(mem[:MemoryNeeded(g)]) {
			return nil, fmt.Errorf("memory without a header that is not empty either: remove it and start afresh: %w", ErrMemory)
		}
		*h = header{magic: magic, size: g.Size, slabSize: g.SlabSize, sealed: sealed}
		return m, nil
	}
	if h.magic != magic {
		return nil, fmt.Errorf("memory begins with %#x, not a map of this version: remove it and start afresh: %w", h.magic, ErrMemory)
	}
	if h.size != g.Size || h.slabSize != g.SlabSize {
		return nil, fmt.Errorf("map left for a device of %d bytes in slabs of %d, not %d and %d: give the same sizes, or remove it: %w",
			h.size, h.slabSize, g.Size, g.SlabSize, ErrMemory)
	}
	if h.sealed != sealed {
		return nil, fmt.Errorf("map left for a device whose pages are sealed (1) or not (0): %d, not %d: seal as before, or remove it: %w",
			h.sealed, sealed, ErrMemory)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.recover()
	return m, nil
}

// Geometry returns the geometry from New.
func (m *Map) Geometry() Geometry { return m.geometry }

// Recovered reports whether New found the state of an earlier server.
func (m *Map) Recovered() bool { return m.recovered }

// zeros is the piece with which zero compares memory.
var zeros [PageSize]byte

func zero(mem []byte) bool {
	for len(mem) > len(zeros) {
		if !bytes.Equal(mem[:len(zeros)], zeros[:]) {
			return false
		}
		mem = mem[len(zeros):]
	}
	return bytes.Equal(mem, zeros[:len(mem)])
}

// check refuses words that no server writes.
func (m *Map) check() error {
	for i := range m.slabs {
		w := slabWord(m.slabs[i].word.Load())
		if !w.legal() {
			return fmt.Errorf("slab %d holds %#x, which is no slab state: remove the map and start afresh: %w", i, uint64(w), ErrMemory)
		}
		if a := math.Float64frombits(m.slabs[i].activity.Load()); !(a >= 0 && a <= math.MaxFloat64) {
			return fmt.Errorf("slab %d has an activity of %g: remove the map and start afresh: %w", i, a, ErrMemory)
		}
		if f := m.slabs[i].floor.Load(); f > MaxCounter || f != 0 && m.seals == nil {
			return fmt.Errorf("slab %d has a floor of %d: remove the map and start afresh: %w", i, f, ErrMemory)
		}
	}
	for i := range m.pages {
		if w := pageWord(m.pages[i].Load()); !w.legal() {
			return fmt.Errorf("page %d holds %#x, which is no page state: remove the map and start afresh: %w", i, uint64(w), ErrMemory)
		}
	}
	return nil
}

// recover ends the operations of the earlier server. Pages come first: if this server dies, too, a slab with
// tags left to sweep is still mapping, and the next server sweeps again.
func (m *Map) recover() {
	for i := range m.slabs {
		s := slabWord(m.slabs[i].word.Load())
		first, end := m.geometry.PageRange(i)
		for p := first; p < end; p++ {
			w := pageWord(m.pages[p].Load())
			if w&flagWriting != 0 {
				m.unseal(p)
			}
			w &^= flagWriting | flagPending
			if w&flagRemote != 0 && !w.remoteIn(s) {
				w &^= tagMask
			}
			m.pages[p].Store(uint64(w))
			m.lacking.became(0, w)
		}
		if s.state() == Mapping {
			m.slabs[i].word.Store(uint64(packSlab(Unmapped, 0, s.epoch())))
		}
		for c := range m.slabs[i].inflight {
			m.slabs[i].inflight[c].Store(0)
		}
		m.slabs[i].touched.Store(0)
	}
	m.recovered = true
}
