package mover

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

// Mover carries out orders to move slabs. See the package's comment for its thread.
type Mover struct {
	Corrupt atomic.Uint64 // pages that were bad at their old donor

	cfg     Config
	tests   *TestMemory
	orders  orders
	chooser placement.Chooser // the thread's own
	by      placement.Choice  // of the donor that a slab moves to; the thread's own

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
	m := &Mover{cfg: cfg, tests: tests, chooser: placement.NewChooser(cfg.Placement, cfg.Steering)}
	m.orders.wake = make(chan struct{}, 1)
	m.orders.key = m.key
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

// Leave moves a slab away from a slow donor, unless it leaves the donor anyway.
func (m *Mover) Leave(slab int, donor uint16) { m.orders.leave(slab, donor) }

// Leaving is how many slabs are on their way from slow donors, or wait for it.
func (m *Mover) Leaving() int { return m.orders.leaving() }

// Pending is how many orders wait or are under way.
func (m *Mover) Pending() int { return m.orders.pending() }

// Test reads from a donor, to measure it.
func (m *Mover) Test(donor uint16) { m.orders.test(donor) }

// Totals are the counts so far.
func (m *Mover) Totals() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// decide records what has become of a slab that was to leave its donor. cause is why it
// went to none.
func (m *Mover) decide(o order, to int, took time.Duration, cause error) {
	d := placement.Decision{Slab: o.slab, From: int(o.donor), To: to, Rule: slabmap.GivenBack, Took: took, Figures: m.by.Figures}
	if o.slow {
		d.Rule = slabmap.SlowDonor
	}
	if cause != nil {
		d.Refusal, d.Figures = cause.Error(), nil
	}
	d.Figures = append(d.Figures[:len(d.Figures):len(d.Figures)], m.cfg.Steering.FigureOf(o.donor))
	m.cfg.Steering.Decisions.Add(d)
}

// untilOverdue is a context for copying a slab. It ends with errMakeWay when a calm order
// has to wait, and with errHurried when the order under way, urgent from the start or made
// so meanwhile, has used up its time. A slab that the backing file does not have is copied
// to the end.
func (m *Mover) untilOverdue(ctx context.Context, slab int) (context.Context, context.CancelFunc) {
	copying, cancel := context.WithCancelCause(ctx)
	now := m.orders.current()
	go func() {
		select {
		case <-copying.Done():
			return
		case <-now.displaced:
			cancel(errMakeWay)
			return
		case <-now.hurried:
		}
		rest := time.Until(m.orders.current().given.Add(UrgentBudget))
		select {
		case <-copying.Done():
		case <-time.After(rest):
			if m.droppable(slab) {
				cancel(errHurried)
			}
		}
	}()
	return copying, func() { cancel(nil) }
}

// droppable reports whether the backing file has, or is about to have, every page of slab.
func (m *Mover) droppable(slab int) bool {
	if !m.cfg.Backing {
		return false
	}
	first, end := m.cfg.Pages.Geometry().PageRange(slab)
	for page := first; page < end; page++ {
		if v := m.cfg.Pages.Look(page); v.Place == slabmap.Remote && !v.Pending && !v.Writing {
			return false
		}
	}
	return true
}
