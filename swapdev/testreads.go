package swapdev

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/verbs"
)

// A slow donor that lost its hot slabs has few reads, or none, to show that it is well
// again. So the memory of the first slab that leaves it stays lent, without being used,
// for as long as the donor is slow: the mover reads from it. A donor that wants it back
// gets it at once.

// lentForTests is memory of a donor that holds nothing.
type lentForTests struct {
	session *control.Session
	slab    int // that it was lent for, and that is elsewhere now
	key     verbs.Key
}

// testMemory is what is lent for test reads, by donor. Its methods may be called from
// any goroutine.
type testMemory struct {
	mu   sync.Mutex // guards lent; never held across I/O
	lent map[uint16]lentForTests
}

func newTestMemory() *testMemory { return &testMemory{lent: make(map[uint16]lentForTests)} }

// keep reports whether memory is kept for test reads: there was none in this session.
func (t *testMemory) keep(donor uint16, l lentForTests) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.lent[donor]; ok && old.session == l.session {
		return false
	}
	t.lent[donor] = l
	return true
}

// of is the memory at a donor in its session now.
func (t *testMemory) of(d *donor) (lentForTests, bool) {
	session, up := d.up()
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.lent[d.id]
	return l, ok && up && l.session == session
}

// key is that of the memory at a donor, if it was lent for slab, else 0.
func (t *testMemory) key(donor uint16, slab int) verbs.Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.lent[donor]; ok && l.slab == slab {
		return l.key
	}
	return 0
}

// forget ends the use of the memory at a donor, if that is its key.
func (t *testMemory) forget(donor uint16, key verbs.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lent[donor].key == key {
		delete(t.lent, donor)
	}
}

// release gives memory back that was lent for slab, before the donor is asked for that
// slab's memory again.
func (t *testMemory) release(ctx context.Context, d *donor, slab int) error {
	t.mu.Lock()
	l, ok := t.lent[d.id]
	if ok = ok && l.slab == slab; ok {
		delete(t.lent, d.id)
	}
	t.mu.Unlock()
	if !ok {
		return nil
	}
	return unmapKey(ctx, l.session, l.slab, l.key)
}

// releaseAll gives the memory of all donors back that are as asked for. What a donor
// does not take is its own, once a lease is over.
func (t *testMemory) releaseAll(ctx context.Context, which func(donor uint16) bool) {
	for _, id := range t.donors() {
		if !which(id) {
			continue
		}
		t.mu.Lock()
		l, ok := t.lent[id]
		delete(t.lent, id)
		t.mu.Unlock()
		if ok {
			_ = unmapKey(ctx, l.session, l.slab, l.key)
		}
	}
}

// donors are those that lend some.
func (t *testMemory) donors() []uint16 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.lent))
}

// testReads reads n pages of a donor's memory, as many at a time as a copy does, and
// returns how long each took. When ctx ends, or with an error, they are fewer.
func (c *copier) testReads(ctx context.Context, d *donor, l lentForTests, n int) (*loghist.Histogram, error) {
	reads := &loghist.Histogram{}
	if err := c.open(); err != nil {
		return reads, err
	}
	e, err := c.reach(ctx, d.id)
	if err != nil {
		return reads, err
	}
	pages := c.engine.cfg.SlabSize / slabmap.PageSize
	if slab := c.engine.pages.Geometry(); l.slab == slab.Slabs()-1 {
		first, end := slab.PageRange(l.slab)
		pages = end - first
	}
	var begun [copySlots]time.Time
	post := func(i int) error {
		begun[i] = time.Now()
		return e.qp.Post(&verbs.WR{
			ID: uint64(i), Op: verbs.OpRead, Local: c.bytes(i, 0, 1),
			Remote: uint64(rand.Int64N(pages)) * slabmap.PageSize, Key: l.key,
		})
	}
	left := n
	for i := 0; i < copySlots && left > 0; i++ {
		if err := post(i); err != nil {
			return reads, err
		}
		left--
	}
	var done [copySlots]verbs.Completion
	for e.qp.Outstanding() > 0 {
		e.qp.Doorbell()
		if err := c.loop.Pass(tickInterval); err != nil {
			return reads, err
		}
		e.qp.Tick(c.loop.Now())
		for _, d := range done[:e.qp.Poll(done[:])] {
			if d.Status != verbs.StatusOK {
				continue // the connection's error says why
			}
			reads.Record(int64(time.Since(begun[d.ID])))
			if left == 0 || ctx.Err() != nil {
				continue
			}
			if err := post(int(d.ID)); err != nil {
				return reads, err
			}
			left--
		}
	}
	return reads, e.qp.Err()
}

// test has a donor read from, unless that is ordered already.
func (m *mover) test(donor uint16) {
	m.mu.Lock()
	if !slices.Contains(m.tests, donor) {
		m.tests = append(m.tests, donor)
	}
	m.mu.Unlock()
	m.rouse()
}

// runTests does the test reads that were ordered.
func (m *mover) runTests(ctx context.Context, c *copier) {
	m.mu.Lock()
	donors := m.tests
	m.tests = nil
	m.mu.Unlock()
	e := m.engine
	for _, id := range donors {
		d := e.donors.get(id)
		l, ok := e.tests.of(d)
		if !ok {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, e.cfg.Period/2)
		reads, err := c.testReads(ctx, d, l, e.cfg.testReads())
		cancel()
		if err != nil {
			e.cfg.Log.Debug().Err(err).Str("donor", d.address).Msg("test reads fail")
		}
		e.steering.testsDone(id, reads)
	}
}

// testReads is how many make a p99.
func (c Config) testReads() int {
	n := c.Judge.MinReads
	if n == 0 {
		n = slabmap.DefaultMinReads
	}
	return n
}
