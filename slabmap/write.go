package slabmap

import "strconv"

// Written is the outcome of a write.
type Written struct {
	CRC     uint32 // Checksum of the new content, as it is stored
	Seal    Seal   // of the new content, under the counter from NextCounter; only of a sealed device
	Remote  bool   // the donor has it, from a write under Epoch
	Epoch   uint64 // from Acquire for the write; only if Remote
	Backing bool   // the backing file has it
	// Pending: the write is acknowledged and one of its copies still under way. EndPending ends it if
	// that is the backing file's. EndRestore ends it if Backing is set and the donor's is under way.
	// Until then the map refuses further writes and discards. Reads go to the copy that is there, or
	// wait for EndPending if the remote copy gets lost meanwhile.
	Pending bool
}

// BeginWrite claims page for a write. False means that another write of the page is under way or pending: park
// the request and try again when that write has ended. The map keeps the old copies until EndWrite. On a sealed
// device a claim reserves a counter, which no other write of the page gets: see NextCounter.
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

// EndWrite records the outcome of a write and replaces the old state of the page. If the slab has left
// done.Epoch, the remote copy is void; without another copy the page is Lost: ask Counts before. It panics if no
// write of the page is under way, or if done.Seal has a counter below that of the old content.
func (m *Map) EndWrite(page int64, done Written) {
	next := pageWord(done.CRC) << crcShift
	if done.Backing {
		next |= flagBacking
	} else {
		// Without a tag, which may follow below, this means: written, and no copy.
		next |= flagRemote
	}
	if done.Pending {
		next |= flagPending
	}
	if done.Remote && m.Counts(m.SlabOf(page), done.Epoch) {
		next |= flagRemote | pageWord(done.Epoch&maxTag)<<tagShift
	}
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&flagWriting == 0 {
			misused("EndWrite", page)
		}
		m.reseal(page, done.Seal)
		if p.CompareAndSwap(uint64(w), uint64(next|w.counted()&countMask)) {
			m.lacking.became(w, next)
			m.changed(page)
			return
		}
	}
}

// EndPending ends a pending backing write. ok says whether the backing file now has the page. It panics if no
// backing write of the page is pending.
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
			m.lacking.became(w, next)
			m.changed(page)
			return
		}
	}
}

// Counts reports whether a copy that a donor has got from a write under epoch is valid now. It is not once the
// slab has been taken from the donor: then EndWrite would not count the copy.
func (m *Map) Counts(slab int, epoch uint64) bool {
	return slabWord(m.slabs[slab].word.Load()).counts(epoch)
}

// AbortWrite ends a failed write, before or after the kernel gets the error. The map keeps the old copies with
// their old checksum, which detects copies that the failed write has touched. It panics if no write of the page
// is under way.
func (m *Map) AbortWrite(page int64) {
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&flagWriting == 0 {
			misused("AbortWrite", page)
		}
		m.unseal(page)
		if p.CompareAndSwap(uint64(w), uint64(w.counted()&^flagWriting)) {
			return
		}
	}
}

// Discard forgets page, which reads as zeros from then on. False means that a write of the page is under way or
// pending; then Discard has changed nothing.
func (m *Map) Discard(page int64) bool {
	p := &m.pages[page]
	for {
		w := pageWord(p.Load())
		if w&(flagWriting|flagPending) != 0 {
			return false
		}
		if p.CompareAndSwap(uint64(w), uint64(w.counted()&countMask)) {
			m.lacking.became(w, 0)
			m.changed(page)
			return true
		}
	}
}

// misused panics, because the map would be wrong from here on.
func misused(method string, page int64) {
	panic("slabmap: " + method + " of page " + strconv.FormatInt(page, 10) + " without its beginning")
}
