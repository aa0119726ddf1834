package swapdev

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

const (
	// mappingPause is before another look at a slab that is just being mapped.
	mappingPause = 20 * time.Millisecond
	// copyPause is before a move goes on after its connections have failed, and
	// copyTries how often it does before the slab is dropped instead.
	copyPause = 100 * time.Millisecond
	copyTries = 20
	// orderPause is before an order that could not be carried out is tried again, and
	// orderTries how often it is: by then the donor has ended the session.
	orderPause = 500 * time.Millisecond
	orderTries = 120
	// urgentBudget is how long after an urgent order a move may take. Then the backing
	// file serves the slab: a donor in need waits for three seconds.
	urgentBudget = 2 * time.Second
)

// mover gives slabs back to donors that want them: it moves each to another donor
// while it is in use, and only if none has room lets the backing file serve it. It moves
// slabs away from slow donors, too; those stay if none has room. It has a thread of its
// own, which alone calls its methods but order, leave, leaving, test and totals.
type mover struct {
	chooser
	wake    chan struct{} // one slot
	corrupt atomic.Uint64 // pages that were bad at their old donor

	by choice // of the donor that a slab moves to; its thread's own

	mu      sync.Mutex // guards the fields below
	waiting []order
	now     underWay
	tests   []uint16 // donors to read from
	counts  moveCounts
}

// order is a slab that a donor wants back, or that is to leave a slow one.
type order struct {
	slab   int
	donor  uint16
	key    verbs.Key // of the memory that it is about; 0 until it is carried out
	slow   bool      // the donor is slow, and does not want the slab back
	begun  bool      // the slab has left in part: it cannot stay
	by     choice    // of the donor that it goes to, once begun
	urgent bool
	given  time.Time // when it became as urgent as it is
	tries  int       // so far
}

// about reports whether an order is about what a donor lends under a key, and not
// about what it lent before.
func (o order) about(slab int, donor uint16, key verbs.Key) bool {
	return o.slab == slab && o.donor == donor && (o.key == 0 || o.key == key)
}

// moveCounts are totals since the device was opened.
type moveCounts struct {
	moved, dropped, pages uint64
	slow                  uint64        // of moved: away from slow donors
	last                  time.Duration // of the last move
	drained               time.Duration // of the last drop: until nothing was in flight
}

func newMover(e *engine) *mover { return &mover{chooser: newChooser(e), wake: make(chan struct{}, 1)} }

// order has slabs given back to a donor. What waits already is not ordered twice; it
// and what is under way become urgent if they now are.
func (m *mover) order(donor uint16, slabs []uint32, urgent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, slab := range slabs {
		key := m.engine.keyAt(int(slab), donor)
		if o := m.now.order; m.now.doing && o.about(int(slab), donor, key) {
			m.now.order.slow = false
			if urgent && !o.urgent {
				m.now.hurry()
			}
			continue
		}
		i := slices.IndexFunc(m.waiting, func(o order) bool { return o.about(int(slab), donor, key) })
		if i < 0 {
			m.waiting = append(m.waiting, order{slab: int(slab), donor: donor, urgent: urgent, given: time.Now()})
			continue
		}
		m.waiting[i].slow = false
		if urgent && !m.waiting[i].urgent {
			m.waiting[i].urgent, m.waiting[i].given = true, time.Now()
		}
	}
	if slices.ContainsFunc(m.waiting, func(o order) bool { return o.urgent }) {
		m.now.makeWay()
	}
	m.rouse()
}

// leave has a slab moved away from a slow donor, if it is not to leave it anyway.
func (m *mover) leave(slab int, donor uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.waiting, func(o order) bool { return o.slab == slab && o.donor == donor }) {
		m.waiting = append(m.waiting, order{slab: slab, donor: donor, slow: true, given: time.Now()})
	}
	m.rouse()
}

// leaving is how many slabs are on their way from slow donors, or wait for it.
func (m *mover) leaving() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, o := range m.waiting {
		if o.slow {
			n++
		}
	}
	if m.now.doing && m.now.order.slow {
		n++
	}
	return n
}

// rouse has the mover look at what there is to do.
func (m *mover) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// next takes the first urgent order, else the first, and has it be under way.
func (m *mover) next() (order, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return order{}, false
	}
	i := max(0, slices.IndexFunc(m.waiting, func(o order) bool { return o.urgent }))
	o := m.waiting[i]
	m.waiting = slices.Delete(m.waiting, i, i+1)
	m.now = begin(o)
	return o, true
}

func (m *mover) run(ctx context.Context) {
	runtime.LockOSThread() // the copier's ring
	defer runtime.UnlockOSThread()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		}
		m.carryOut(ctx)
	}
}

// carryOut does what has been ordered. Its connections end with it: one that waits
// would keep an adapter from being removed.
func (m *mover) carryOut(ctx context.Context) {
	c := newCopier(m.engine)
	defer func() {
		if err := c.close(); err != nil {
			m.engine.journal.error(status.EventFault, "connections of a move do not end").because(err).tell()
		}
	}()
	for ctx.Err() == nil {
		m.runTests(ctx, c)
		o, ok := m.next()
		if !ok {
			return
		}
		var err error
		if o.slow && !o.begun {
			err = m.leaveSlow(ctx, c, o)
		} else {
			err = m.giveBack(ctx, c, o)
		}
		if o = m.finished(); err != nil && ctx.Err() == nil {
			m.again(ctx, o, err)
		}
	}
}

// again puts an order that could not be carried out in line again, after a pause. One
// that made way is in line at once.
func (m *mover) again(ctx context.Context, o order, err error) {
	if !errors.Is(err, errMakeWay) && !m.pause(ctx, &o, err) {
		return
	}
	if old, ok := m.engine.pages.OldDonor(o.slab); ok && old == o.donor {
		o.begun, o.by, o.key = true, m.by, m.engine.keyAt(o.slab, old)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, o)
}

// pause counts a try that failed, and reports whether there is to be another.
func (m *mover) pause(ctx context.Context, o *order, err error) bool {
	if o.tries++; o.tries == 1 || o.tries == orderTries {
		m.engine.journal.warn(status.EventSlabKept, "a slab is not given back to its donor").at(o.slab).
			of("donor", m.engine.donors.get(o.donor)).because(err).with("tries", o.tries).tell()
	}
	if o.tries == orderTries {
		return false
	}
	select {
	case <-ctx.Done():
	case <-time.After(orderPause):
	}
	return true
}

// totals are the counts so far.
func (m *mover) totals() moveCounts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}
