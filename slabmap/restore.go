package slabmap

// A restore brings a page to a place that lacks it, without a change of its content:
//
//  1. The scrubber looks at the page, reads one of its copies and compares that with the checksum.
//  2. BeginRestore claims the page, unless it has changed since. Until EndRestore the map refuses writes and
//     discards of the page, and reads go on from the copies that it has.
//  3. The scrubber writes the page to the place that lacks it.
//  4. EndRestore records the new copy.
//
// A write that was acknowledged when the backing file had the page begins at 3, and goes to its donor: see Written.
//
// While no restore is under way, Void forgets a copy that has turned out to be bad.

// Restored is where a restore has brought a page. The zero value means that it has failed.
type Restored struct {
	Backing bool
	Remote  bool   // the donor has the page, from a write under Epoch
	Epoch   uint64 // from Acquire for the restore; only if Remote
}

// BeginRestore claims page for a restore. False means that the page is not as v says any more, that it is being
// written, or that v has no copy of it.
func (m *Map) BeginRestore(page int64, v View) bool {
	if v.Writing || v.Pending || v.Place == None {
		return false
	}
	return m.pages[page].CompareAndSwap(uint64(v.word), uint64(v.word|flagPending))
}

// EndRestore ends what BeginRestore has begun. If the slab has left c.Epoch, the remote copy is void. Call it
// before the Done of the operation. It panics if no restore of the page is under way.
func (m *Map) EndRestore(page int64, c Restored) {
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&flagPending == 0 {
			misused("EndRestore", page)
		}
		was := w &^ flagPending // a page that is being restored lacks what it lacked before
		next := was
		if c.Backing {
			next |= flagBacking
		}
		if c.Remote && m.Counts(m.SlabOf(page), c.Epoch) {
			next = next&^tagMask | flagRemote | pageWord(c.Epoch&maxTag)<<tagShift
		}
		if p.CompareAndSwap(uint64(w), uint64(next)) {
			m.lacking.became(was, next)
			m.changed(page)
			return
		}
	}
}

// Void forgets the copies of page in bad, which do not match its checksum. False means that the page is not as
// v says any more, that it is being written, or that it has no other copy; then Void has changed nothing.
func (m *Map) Void(page int64, v View, bad Place) bool {
	if v.Writing || v.Pending || v.Place&^bad == None || v.Place&bad == None {
		return false
	}
	next := v.word
	if bad&Backing != 0 {
		next &^= flagBacking
	} else {
		next &^= flagRemote | tagMask
	}
	if !m.pages[page].CompareAndSwap(uint64(v.word), uint64(next)) {
		return false
	}
	m.lacking.became(v.word, next)
	m.changed(page)
	return true
}
