package mover

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

// Mover carries out orders to move slabs. See the package's comment for its threads.
type Mover struct {
	Corrupt atomic.Uint64 // copies of pages that did not match their checksum
	Forged  atomic.Uint64 // copies of pages that matched it, and were not sealed by this device

	cfg    Config
	tests  *TestMemory
	orders orders
	copier *copier

	mu     sync.Mutex // guards counts
	counts Counts
}

// Counts are totals since the device was opened.
type Counts struct {
	Moved, Dropped uint64
	Slow           uint64        // of Moved: away from slow donors
	Pages          uint64        // that were copied
	Last           time.Duration // of the last move
	Drained        time.Duration // of the last drop: until nothing was in flight
}

// New makes a mover. tests is the memory for test reads, which the mover fills.
func New(cfg Config, tests *TestMemory) *Mover {
	m := &Mover{cfg: cfg, tests: tests}
	m.copier = newCopier(&m.cfg, &m.Corrupt, &m.Forged)
	m.orders.wake = make(chan struct{}, 1)
	m.orders.key = m.key
	m.orders.losses = func(donor uint16) uint64 { return m.copier.losses[donor].Load() }
	return m
}

// key is the key under which a donor lends the memory of a slab, be it for test reads; 0
// if nothing of the slab is there.
func (m *Mover) key(slab int, donor uint16) verbs.Key {
	if key := placement.Key(m.cfg.Pages, m.cfg.Keys, slab, donor); key != 0 {
		return key
	}
	return m.tests.Key(slab, donor)
}

// Order gives slabs back to a donor.
func (m *Mover) Order(donor uint16, slabs []uint32, urgent bool) {
	m.orders.giveBack(donor, slabs, urgent)
}

// HandBack gives back one grant of memory, which key names.
func (m *Mover) HandBack(slab int, donor uint16, key verbs.Key) {
	m.orders.handBack(slab, donor, key)
}

// Resume goes on with a move that an earlier server of the device has begun. old is the donor that the slab
// is leaving, and key names what that one lends of it.
func (m *Mover) Resume(slab int, old uint16, key verbs.Key) { m.orders.resume(slab, old, key) }

// Leave moves a slab away from a slow donor, unless it leaves the donor anyway.
func (m *Mover) Leave(slab int, donor uint16) { m.orders.leave(slab, donor) }

// Leaving is how many slabs are on their way from slow donors, or wait for it.
func (m *Mover) Leaving() int { return m.orders.leaving() }

// Pending is how many orders wait or are under way.
func (m *Mover) Pending() int { return m.orders.pending() }

// Test reads from a donor, to measure it.
func (m *Mover) Test(donor uint16) { m.orders.test(donor) }

// Lost hears that a donor is lost, after its slabs have failed. What was lent by it is
// forgotten, and nothing of the mover holds up writes to it any more.
func (m *Mover) Lost(donor uint16) { m.copier.lost(donor) }

// Totals are the counts so far.
func (m *Mover) Totals() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}
