package slabmap

import "encoding/binary"

// A page of a sealed device is stored encrypted, and authenticated by a tag. The map keeps of each page what
// opens it: the counter of writes under which it was sealed, and the tag. That is the page's Seal, 16 bytes
// beside its word.
//
// A counter that was given for a page is never given for it again, because two contents sealed under one
// counter would betray both. BeginWrite reserves the counter above the page's own: NextCounter says which.
// EndWrite makes it the page's own. After AbortWrite the page keeps the counter of its old content, so the
// reserved one has to be remembered elsewhere: the slab has a floor, and no counter that is given later lies
// at the floor or below. A write under way that a crash ends counts as aborted.

const (
	// SealTagSize is the length in bytes of the tag that the map keeps.
	SealTagSize = 11
	// MaxCounter is the largest counter of writes. A page that is written 100,000 times a second reaches it
	// after 127 days.
	MaxCounter = 1<<counterBits - 1

	counterBits = 40
	// maxSealedPages is the number of pages of the largest sealed device: their numbers have as many bits in
	// a nonce.
	maxSealedPages = 1 << 40
	sealSize       = 16
)

// Seal is what opens a sealed page. The zero value is that of a page that was never written.
type Seal struct {
	high uint64 // the counter, and the first three bytes of the tag
	low  uint64 // the last eight bytes of the tag
}

// NewSeal makes the Seal of a page that was sealed under counter, 1 to MaxCounter, with tag.
func NewSeal(counter uint64, tag [SealTagSize]byte) Seal {
	head := uint64(tag[0])<<16 | uint64(tag[1])<<8 | uint64(tag[2])
	return Seal{high: counter<<(64-counterBits) | head, low: binary.BigEndian.Uint64(tag[3:])}
}

// Counter is the counter of writes under which the page was sealed.
func (s Seal) Counter() uint64 { return s.high >> (64 - counterBits) }

// Tag is the tag of the sealed page.
func (s Seal) Tag() (tag [SealTagSize]byte) {
	tag[0], tag[1], tag[2] = byte(s.high>>16), byte(s.high>>8), byte(s.high)
	binary.BigEndian.PutUint64(tag[3:], s.low)
	return tag
}

// NextCounter returns the counter under which the write of page that is under way seals it. It is false if the
// page has had as many writes as there are counters: then end the write with AbortWrite and refuse it.
//
// Preconditions: the device is sealed, and the caller has claimed the page with BeginWrite. It ends the claim with
// EndWrite or AbortWrite, because EndCopy does not remember the counter.
func (m *Map) NextCounter(page int64) (counter uint64, ok bool) {
	floor := m.slabs[page>>m.slabShift].floor.Load()
	next := max(m.seals[page].load().Counter(), floor) + 1
	return next, next <= MaxCounter
}

// sealOf returns the Seal of page. It is whole only if the word of the page is the same before and after, and
// no write was under way.
func (m *Map) sealOf(page int64) Seal {
	if m.seals == nil {
		return Seal{}
	}
	return m.seals[page].load()
}

// reseal records the Seal of a page whose write ends. It panics if the counter is below that of the old
// content: the map would give a counter twice from then on.
//
// Preconditions: the caller has claimed the page with BeginWrite.
func (m *Map) reseal(page int64, s Seal) {
	if m.seals == nil {
		return
	}
	if s.Counter() < m.seals[page].load().Counter() {
		misused("EndWrite", page)
	}
	m.seals[page].store(s)
}

// unseal makes sure that the counter of a write that comes to nothing is not given again. The write may have
// got it while the floor was lower, but not while it was higher.
//
// Preconditions: a write of the page is under way.
func (m *Map) unseal(page int64) {
	if m.seals == nil {
		return
	}
	floor := &m.slabs[page>>m.slabShift].floor
	own := m.seals[page].load().Counter()
	for {
		was := floor.Load()
		given := max(own, was) + 1
		if given > MaxCounter || floor.CompareAndSwap(was, given) {
			return
		}
	}
}

func (s *sealWords) load() Seal { return Seal{s[0].Load(), s[1].Load()} }

func (s *sealWords) store(n Seal) {
	s[0].Store(n.high)
	s[1].Store(n.low)
}
