package slabmap

// Census counts the pages of a map by their places again and again. It looks only at
// slabs where something may have changed since the last time, so that asking often
// costs little on a large device. A map has one census, and one goroutine at a time
// uses it.
type Census struct {
	m     *Map
	slabs []counted
}

// counted is a slab as it was when it was counted.
type counted struct {
	known  bool
	word   slabWord
	places Places
}

// NewCensus makes the map's census.
func (m *Map) NewCensus() *Census { return &Census{m: m, slabs: make([]counted, len(m.slabs))} }

// Slab is CountSlab.
func (c *Census) Slab(slab int) Places {
	e, was := &c.m.slabs[slab], &c.slabs[slab]
	// Taken back before the pages are looked at: what changes meanwhile is counted
	// next time.
	changed := e.changed.Load() != 0 && e.changed.Swap(0) != 0
	if changed || !was.known || slabWord(e.word.Load()) != was.word {
		was.places, was.word = c.m.countSlab(slab)
		was.known = true
	}
	return was.places
}

// changed tells the census that it has to look at page's slab again. Call it after
// the change.
func (m *Map) changed(page int64) {
	if e := &m.slabs[page>>m.slabShift]; e.changed.Load() == 0 {
		e.changed.Store(1)
	}
}
