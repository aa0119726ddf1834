package slabmap

// pageWord is the state of one page. From the low bits up: flags (4), count
// of writes modulo 16 (4), epoch tag of the remote copy (24), CRC32C (32).
//
// A written page has flagRemote or flagBacking until a discard. flagRemote with a tag other than its slab's
// means that the page was written and the remote copy is void.
type pageWord uint64

const (
	flagRemote  pageWord = 1 << iota // a donor has got the page, under the tag
	flagBacking                      // the backing file has the page
	flagWriting                      // a write is under way
	flagPending                      // the write is acknowledged and its backing write is under way

	countShift = 4
	countMask  = pageWord(0xf) << countShift
	tagShift   = 8
	tagMask    = pageWord(maxTag) << tagShift
	crcShift   = 32
	crcMask    = pageWord(0xffffffff) << crcShift
)

func (w pageWord) tag() uint32 { return uint32(w&tagMask) >> tagShift }
func (w pageWord) crc() uint32 { return uint32(w >> crcShift) }

// counted returns w with the next count of writes. The count shows a reader that somebody wrote the page and
// then its old content again.
func (w pageWord) counted() pageWord {
	return w&^countMask | (w+1<<countShift)&countMask
}

// remoteIn reports whether the remote copy is valid while s is the word of the slab.
func (w pageWord) remoteIn(s slabWord) bool {
	return w&flagRemote != 0 && s.holds() && w.tag() == s.tag() || w.oldIn(s)
}

// oldIn reports whether the remote copy is valid and at the donor that the slab is leaving.
func (w pageWord) oldIn(s slabWord) bool {
	return w&flagRemote != 0 && s.migrates() && w.tag() == s.tag()-1
}

// legal reports whether a server can have written w.
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
	CRC     uint32 // CRC32C of every valid copy; 0 if the page was never written
	Writing bool   // a write is under way: the copies hold the old content, the new, or a mix
	Pending bool   // acknowledged remotely, the backing write under way
	// Lost: the page was written, and no copy exists or is on its way to the backing file. A read
	// is an error and not zeros.
	Lost  bool
	Epoch uint64 // of the page's slab
	// Old: the remote copy is at the donor that the slab is leaving. Count a read of it in with
	// AcquireOld.
	Old  bool
	Seal Seal // what opens every valid copy, if the device is sealed and no write is under way
	word pageWord
}

// RemoteEpoch is the epoch that AcquireRead, or AcquireOld if v.Old, returns while the remote copy stays in
// its place.
func (v View) RemoteEpoch() uint64 {
	if v.Old {
		return v.Epoch - 1
	}
	return v.Epoch
}

// Zeros reports whether the page was never written or was discarded since. A read returns zeros without I/O,
// also while a first write is under way.
func (v View) Zeros() bool { return v.word&(flagRemote|flagBacking) == 0 }

// SlabOf is the slab of a page.
func (m *Map) SlabOf(page int64) int { return int(page >> m.slabShift) }

// Look returns the state of page. To read the remote copy, count the read in (AcquireRead, AcquireOld) before
// Look, or compare View.RemoteEpoch with the returned epoch. The slab then stays in its place until Done.
func (m *Map) Look(page int64) View {
	p, slab := &m.pages[page], &m.slabs[page>>m.slabShift].word
	w := pageWord(p.Load())
	for {
		s, seal := slabWord(slab.Load()), m.sealOf(page)
		// If the page's word changes around the load of the slab's word, an old word could be
		// compared with a new epoch, or with the Seal of another content.
		again := pageWord(p.Load())
		if again == w {
			v := view(w, s)
			v.Seal = seal
			return v
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

// Same reports whether nothing has happened to page since v: no write was under way or began, no discard, no
// change of the slab's epoch, and no loss of a copy, as by the end of the move that has left the page at the old
// donor. If so, a copy read since v with another checksum than v.CRC is corrupt. Otherwise look again; if
// v.Writing, after the end of that write.
func (m *Map) Same(page int64, v View) bool {
	same := !v.Writing && pageWord(m.pages[page].Load()) == v.word && m.sealOf(page) == v.Seal
	s := slabWord(m.slabs[page>>m.slabShift].word.Load())
	// The epoch alone does not tell: after AbortMove, Fail gives that of the move once more.
	now := view(v.word, s)
	return same && s.epoch() == v.Epoch && now.Place == v.Place && now.Old == v.Old
}
