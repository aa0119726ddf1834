package slabmap

// Census counts the pages of a map by their places, repeatedly. It looks only at slabs that may have changed
// since the last count, so that frequent counts of a large device are cheap. A map has one census, and one
// goroutine at a time may use it.
type Census struct {
	m     *Map
	slabs []counted
}

// counted is the last count of a slab.
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
	// The flag goes down before the count, so that the next count sees changes during this one.
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
