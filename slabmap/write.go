package slabmap

import "strconv"

// Written is how a write ended.
type Written struct {
	CRC     uint32 // Checksum of the content written
	Remote  bool   // the donor has it, written while the slab had Epoch
	Epoch   uint64 // what Acquire returned for the write; used only if Remote
	Backing bool   // the backing file has it
	// Pending: the write is acknowledged and its backing write still under
	// way, to be ended by EndPending. Until then further writes and discards
	// are refused; reads go remote, or wait for EndPending if the remote copy
	// is lost meanwhile.
	Pending bool
}

// BeginWrite claims page for a write. False means that another write of it is
// under way or pending: park, and try again when that one has ended. The old
// copies stay known until EndWrite.
func (m *Map) BeginWrite(page int64) bool {
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&(flagWriting|flagPending) != 0 {
			return false
		}
		if p.CompareAndSwap(uint64(w), uint64(w|flagWriting)) {
			return true
		}
	}
}

// EndWrite records what BeginWrite began, and replaces what was known of the
// page. A remote copy whose slab has left done.Epoch is recorded as void: if
// nothing else has the page, it is Lost. Call it before the operation's Done.
// It panics if no write of the page is under way.
func (m *Map) EndWrite(page int64, done Written) {
	next := pageWord(done.CRC) << crcShift
	if done.Backing {
		next |= flagBacking
	} else {
		// Void unless a tag is added below: written, but nowhere.
		next |= flagRemote
	}
	if done.Pending {
		next |= flagPending
	}
	if s := slabWord(m.slabs[page>>m.slabShift].word.Load()); done.Remote && s.counts(done.Epoch) {
		next |= flagRemote | pageWord(done.Epoch&maxTag)<<tagShift
	}
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&flagWriting == 0 {
			misused("EndWrite", page)
		}
		if p.CompareAndSwap(uint64(w), uint64(next|w.counted()&countMask)) {
			m.changed(page)
			return
		}
	}
}

// EndPending ends the backing write of a page that EndWrite left pending; ok
// says whether the backing file now has it. It panics if none is pending.
func (m *Map) EndPending(page int64, ok bool) {
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&flagPending == 0 {
			misused("EndPending", page)
		}
		next := w &^ flagPending
		if ok {
			next |= flagBacking
		}
		if p.CompareAndSwap(uint64(w), uint64(next)) {
			m.changed(page)
			return
		}
	}
}

// AbortWrite ends a write that failed, after or before the kernel is told so.
// The old copies stay known under their old checksum, which finds out those
// that the failed write has touched. It panics if no write of the page is
// under way.
func (m *Map) AbortWrite(page int64) {
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&flagWriting == 0 {
			misused("AbortWrite", page)
		}
		if p.CompareAndSwap(uint64(w), uint64(w.counted()&^flagWriting)) {
			return
		}
	}
}

// Discard forgets page: it reads as zeros from here on. False means that a
// write of it is under way or pending, and nothing was done.
func (m *Map) Discard(page int64) bool {
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&(flagWriting|flagPending) != 0 {
			return false
		}
		if p.CompareAndSwap(uint64(w), uint64(w.counted()&countMask)) {
			m.changed(page)
			return true
		}
	}
}

// misused stops the server: from here on the map would be wrong.
func misused(method string, page int64) {
	panic("slabmap: " + method + " of page " + strconv.FormatInt(page, 10) + " without its beginning")
}
