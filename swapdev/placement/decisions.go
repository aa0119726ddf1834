package placement

import (
	"sync"
	"time"

	"github.com/farswap/farswap/slabmap"
)

// How many decisions are kept: the last of the device, and of each slab.
const (
	keptDecisions = 256
	keptOfSlab    = 4
)

// NoDonor stands for no donor, in the place of an id.
const NoDonor = -1

// Decision is a slab that was mapped or moved, or could not be.
type Decision struct {
	Slab     int
	From, To int // ids of donors, or NoDonor
	Rule     slabmap.Rule
	Took     time.Duration
	Refusal  string // why To is NoDonor
	Figures  []Figure

	seq uint64
	at  time.Time
}

// Decisions are the last decisions. Their methods may be called from any goroutine.
type Decisions struct {
	mu   sync.Mutex // guards what follows
	seq  uint64
	last []Decision         // oldest first
	of   map[int][]Decision // by slab, oldest first
}

// Add records a decision.
func (l *Decisions) Add(d Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	d.seq, d.at = l.seq, time.Now()
	l.last = keep(l.last, d, keptDecisions)
	if l.of == nil {
		l.of = make(map[int][]Decision)
	}
	l.of[d.Slab] = keep(l.of[d.Slab], d, keptOfSlab)
}

// keep appends d to the last of a list, of which no more than most are kept.
func keep(list []Decision, d Decision, most int) []Decision {
	if len(list) == most {
		copy(list, list[1:])
		list = list[:most-1]
	}
	return append(list, d)
}

// All are the last decisions of the device, oldest first.
func (l *Decisions) All() []Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Decision(nil), l.last...)
}

// Of are the last decisions about a slab, oldest first.
func (l *Decisions) Of(slab int) []Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Decision(nil), l.of[slab]...)
}
