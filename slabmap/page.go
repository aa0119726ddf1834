package slabmap

// pageWord is the state of one page. From the low bits up: flags (4), count
// of writes modulo 16 (4), epoch tag of the remote copy (24), CRC32C (32).
//
// A page that was written has flagRemote or flagBacking for as long as it is
// not discarded; flagRemote with a tag that is not its slab's says "written,
// but the remote copy is void".
type pageWord uint64

const (
	flagRemote  pageWord = 1 << iota // written remotely, under the tag
	flagBacking                      // the backing file has the page
	flagWriting                      // a write is under way
	flagPending                      // acknowledged, the backing write under way

	countShift = 4
	countMask  = pageWord(0xf) << countShift
	tagShift   = 8
	tagMask    = pageWord(maxTag) << tagShift
	crcShift   = 32
	crcMask    = pageWord(0xffffffff) << crcShift
)

func (w pageWord) tag() uint32 { return uint32(w&tagMask) >> tagShift }
func (w pageWord) crc() uint32 { return uint32(w >> crcShift) }

// counted returns w with its count of writes moved on. With it, a page
// written back and forth while it is read does not look untouched.
func (w pageWord) counted() pageWord {
	return w&^countMask | (w+1<<countShift)&countMask
}

// remoteIn reports whether the remote copy is valid while s is the slab's
// word.
func (w pageWord) remoteIn(s slabWord) bool {
	return w&flagRemote != 0 && s.holds() && w.tag() == s.tag() || w.oldIn(s)
}

// oldIn reports whether the remote copy is valid and at the donor that the slab is
// moving away from.
func (w pageWord) oldIn(s slabWord) bool {
	return w&flagRemote != 0 && s.migrates() && w.tag() == s.tag()-1
}

// legal reports whether a server can have left w.
func (w pageWord) legal() bool {
	written := w&(flagRemote|flagBacking) != 0
	return (written || w&(flagPending|crcMask) == 0) && (w&flagRemote != 0 || w&tagMask == 0) &&
		w&(flagWriting|flagPending) != flagWriting|flagPending
}

// Place is a set of places that hold a valid copy of a page.
type Place uint8

// The places. None is the empty set.
const (
	None   Place = 0
	Remote Place = 1 << (iota - 1)
	Backing
)

// String names the places.
func (p Place) String() string {
	switch p {
	case None:
		return "none"
	case Remote:
		return "remote"
	case Backing:
		return "backing"
	case Remote | Backing:
		return "both"
	}
	return "invalid"
}

// View is the state of a page at one moment.
type View struct {
	Place   Place  // where valid copies are
	CRC     uint32 // CRC32C that every valid copy has; 0 for a page never written
	Writing bool   // a write is under way: the copies hold the old content, the new, or a mix
	Pending bool   // acknowledged remotely, the backing write under way
	// Lost: the page was written and no copy is left, nor on its way to the
	// backing file. A read of it is an error, not zeros.
	Lost  bool
	Epoch uint64 // of the page's slab
	// Old: the remote copy is at the donor that the slab is moving away from. Count
	// a read of it in with AcquireOld.
	Old  bool
	word pageWord
}

// RemoteEpoch is what AcquireRead, or AcquireOld if v.Old, returns for as long as
// the remote copy is where it was.
func (v View) RemoteEpoch() uint64 {
	if v.Old {
		return v.Epoch - 1
	}
	return v.Epoch
}

// Zeros reports whether the page was never written, or discarded since: it
// reads as zeros without I/O. A first write under way does not change that.
func (v View) Zeros() bool { return v.word&(flagRemote|flagBacking) == 0 }

// SlabOf is the slab in which page is.
func (m *Map) SlabOf(page int64) int { return int(page >> m.slabShift) }

// Look returns the state of page. To read its remote copy, count the read in
// (AcquireRead, AcquireOld) before looking, or compare View.RemoteEpoch with what that
// returned: the slab then stays where it is until Done.
func (m *Map) Look(page int64) View {
	p, slab := &m.pages[page], &m.slabs[page>>m.slabShift].word
	w := pageWord(p.Load())
	for {
		s := slabWord(slab.Load())
		// The word must not have changed around the load of the slab's:
		// else an old word could be judged by a new epoch.
		again := pageWord(p.Load())
		if again == w {
			return view(w, s)
		}
		w = again
	}
}

func view(w pageWord, s slabWord) View {
	v := View{
		CRC:     w.crc(),
		Writing: w&flagWriting != 0,
		Pending: w&flagPending != 0,
		Epoch:   s.epoch(),
		word:    w,
	}
	if w&flagBacking != 0 {
		v.Place = Backing
	}
	if w.remoteIn(s) {
		v.Place |= Remote
		v.Old = w.oldIn(s)
	}
	v.Lost = v.Place == None && w&flagRemote != 0 && !v.Pending
	return v
}

// Same reports whether nothing can have happened to page since v was taken: no
// write was under way or begun, no discard, no change of the slab's epoch, no end of
// the move that left the page at the old donor. A copy read in between whose checksum is not v.CRC is then corrupt. Otherwise
// look again; if v.Writing, when that write has ended.
func (m *Map) Same(page int64, v View) bool {
	same := !v.Writing && pageWord(m.pages[page].Load()) == v.word
	s := slabWord(m.slabs[page>>m.slabShift].word.Load())
	return same && s.epoch() == v.Epoch && (!v.Old || v.word.oldIn(s))
}
