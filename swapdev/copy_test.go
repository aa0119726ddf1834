package swapdev

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/mover"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// moverPlace is the place of the mover's connections.
const moverPlace = 1000

// cut is what has happened to the mover's connections to a donor.
type cut int

const (
	sound  cut = iota
	hangs      // nothing completes
	broken     // connections fail, and their WRITEs have no known outcome; none can be made
)

// watched is a device that keeps what the mover connects, and that tampers with it.
type watched struct {
	verbs.Device
	// tamper is called with each operation of the mover that has completed, on the copier's
	// thread; nil: nothing. It may change the data.
	tamper func(wr *verbs.WR)

	mu     sync.Mutex // guards what follows, by address
	asked  map[string][]verbs.QPConfig
	writes map[string]int // that were posted
	cuts   map[string]cut
}

func watch(t *testing.T, o rigOptions) (*rig, *watched) {
	w := &watched{asked: make(map[string][]verbs.QPConfig), writes: make(map[string]int), cuts: make(map[string]cut)}
	o.wrap = func(d verbs.Device) verbs.Device {
		w.Device = d
		return w
	}
	return newRig(t, o), w
}

func (w *watched) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	if cfg.Place != moverPlace {
		return w.Device.Connect(ctx, address, cred, cfg)
	}
	w.mu.Lock()
	w.asked[address] = append(w.asked[address], cfg)
	w.mu.Unlock()
	if w.cut(address) == broken {
		return nil, verbs.ErrTransport
	}
	c, err := w.Device.Connect(ctx, address, cred, cfg)
	return watchedConn{c, w, address}, err
}

func (w *watched) set(address string, c cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cuts[address] = c
}

func (w *watched) cut(address string) cut {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cuts[address]
}

// connections are what the mover has asked for at an address.
func (w *watched) connections(address string) []verbs.QPConfig {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[address]
}

// written is how many WRITEs the mover has posted to an address.
func (w *watched) written(address string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes[address]
}

// data is where the pages of a donor travel to.
func (r *rig) data(donor uint16) string { return r.donors[donor].donor.Status().DataAddress }

type watchedConn struct {
	verbs.Conn
	w       *watched
	address string
}

func (c watchedConn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	qp, err := c.Conn.Attach(loop, notify)
	return &watchedQP{QP: qp, conn: c, posted: make(map[uint64]verbs.WR)}, err
}

type watchedQP struct {
	verbs.QP
	conn   watchedConn
	posted map[uint64]verbs.WR // by ID
}

func (q *watchedQP) Post(wr *verbs.WR) error {
	q.posted[wr.ID] = *wr
	if wr.Op == verbs.OpWrite {
		q.conn.w.mu.Lock()
		defer q.conn.w.mu.Unlock()
		q.conn.w.writes[q.conn.address]++
	}
	return q.QP.Post(wr)
}

func (q *watchedQP) Poll(c []verbs.Completion) int {
	w := q.conn.w
	cut := w.cut(q.conn.address)
	if cut == hangs && q.State() == verbs.StateReady {
		return 0
	}
	if cut == broken {
		q.Fail(verbs.ErrTransport)
	}
	n := q.QP.Poll(c)
	for i := range c[:n] {
		wr := q.posted[c[i].ID]
		if cut == broken && wr.Op == verbs.OpWrite {
			c[i].Status = verbs.StatusFlushed // though it was carried out, perhaps
		}
		if w.tamper != nil {
			w.tamper(&wr)
		}
	}
	return n
}

// fill writes all pages of a slab, as version 3.
func (r *rig) fill(slab int) (first, end int64) {
	r.heat(slab)
	first, end = r.engine.pages.Geometry().PageRange(slab)
	for page := first; page < end; page += 16 {
		r.write(0, page, 3, 16)
	}
	return first, end
}

// TestBadPageOfAMove spoils a page on its way from the old donor, once or each time: it is
// read again, and then from the backing file. Without that, and only then, it is lost.
func TestBadPageOfAMove(t *testing.T) {
	noBacking := func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }
	for _, tt := range []struct {
		name    string
		prepare func(*Config)
		times   int // that the page is bad
		lost    int64
		remote  bool // the page is at the new donor afterwards
	}{
		{"once", noBacking, 1, 0, true},
		{"always, with a backing file", nil, 1 << 30, 0, true},
		{"always, without", noBacking, 1 << 30, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w := watch(t, rigOptions{donors: 2, queues: 1, prepare: tt.prepare})
			first, end := r.fill(0)
			bad := first + 21
			if tt.prepare == nil {
				r.until("the backing file has all pages", func() bool {
					return r.engine.report().Pages.Remote == 0 && r.engine.pages.Look(bad).Place&slabmap.Backing != 0
				})
			}
			seen, crc := 0, r.engine.pages.Look(bad).CRC
			w.tamper = func(wr *verbs.WR) {
				if wr.Op != verbs.OpRead {
					return
				}
				at := int(int64(bad)*testPage - int64(wr.Remote))
				if at >= 0 && at < len(wr.Local) && slabmap.Checksum(wr.Local[at:at+testPage]) == crc && seen < tt.times {
					seen++
					wr.Local[at]++
				}
			}
			from := r.engine.pages.Slab(0).Donor
			r.engine.moves.Order(from, []uint32{0}, false)
			r.until("the slab has moved", func() bool {
				s := r.engine.pages.Slab(0)
				return s.State == slabmap.Mapped && s.Donor != from && r.engine.moves.Pending() == 0
			})
			s := r.engine.report()
			if s.Pages.Lost != tt.lost || s.IO.Corrupt == 0 {
				t.Errorf("%+v %+v", s.Pages, s.IO)
			}
			if v := r.engine.pages.Look(bad); v.Place&slabmap.Remote != 0 != tt.remote {
				t.Errorf("the page is at %v", v.Place)
			}
			for page := first; page < end; page++ {
				if page != bad || tt.lost == 0 {
					r.read(0, page, 3, 1)
				}
			}
		})
	}
}

// TestMovesShareConnections: many moves need one connection to each donor.
func TestMovesShareConnections(t *testing.T) {
	r, w := watch(t, rigOptions{donors: 2, queues: 1})
	r.fill(0)
	for range 6 {
		from := r.engine.pages.Slab(0).Donor
		r.engine.moves.Order(from, []uint32{0}, false)
		r.until("the slab has moved", func() bool {
			s := r.engine.pages.Slab(0)
			return s.State == slabmap.Mapped && s.Donor != from && r.engine.moves.Pending() == 0
		})
	}
	for i := range r.donors {
		if c := w.connections(r.data(uint16(i))); len(c) != 1 || c[0].Generation != 1 {
			t.Errorf("%d connections: %+v", len(c), c)
		}
	}
}

// hang has the WRITEs of a move hang, and returns the slab's new donor and its first page,
// which is claimed.
func (r *rig) hang(w *watched) (to uint16, first, end int64) {
	first, end = r.fill(0)
	from := r.engine.pages.Slab(0).Donor
	to = 1 - from
	w.set(r.data(to), hangs)
	r.engine.moves.Order(from, []uint32{0}, false)
	r.until("pages are on their way", func() bool { return w.written(r.data(to)) == 4 })
	return to, first, end
}

// TestCopyOfUnknownOutcome has the connection of a move fail with WRITEs under way, which
// may be carried out later. Before a page of them can be written anew, nothing may be
// written to that donor, until a later connection of the same place is there.
func TestCopyOfUnknownOutcome(t *testing.T) {
	r, w := watch(t, rigOptions{donors: 2, queues: 1, prepare: func(c *Config) { c.OpTimeout = time.Minute }})
	to, first, end := r.hang(w)
	address, barrier := r.data(to), r.engine.shared.Barrier
	if barrier.Up(to) {
		t.Error("the barrier is up before anything has failed")
	}
	go w.set(address, broken)
	r.until("the page is let go", func() bool {
		// The pause of until is too long to meet the moment at which the page is let go.
		for range 10000 {
			if r.engine.pages.BeginWrite(first) {
				if !barrier.Up(to) {
					t.Fatal("the page was let go while the donor may be written to")
				}
				r.engine.pages.AbortWrite(first)
				return true
			}
		}
		return false
	})
	w.set(address, sound)
	r.until("the slab has moved", func() bool {
		s := r.engine.pages.Slab(0)
		return s.State == slabmap.Mapped && s.Donor == to
	})
	if barrier.Up(to) {
		t.Error("the barrier stays up")
	}
	c := w.connections(address)
	if len(c) < 2 {
		t.Fatalf("%d connections", len(c))
	}
	for i := range c {
		if c[i].Generation == 0 || i > 0 && c[i].Generation <= c[i-1].Generation {
			t.Errorf("connection %d has generation %d", i, c[i].Generation)
		}
	}
	for page := first; page < end; page += 16 {
		r.read(0, page, 3, 16)
	}
}

// TestBarrierEndsWithTheDonor loses a donor while the barrier before it is up: the slab is
// back at its old donor.
func TestBarrierEndsWithTheDonor(t *testing.T) {
	r, w := watch(t, rigOptions{donors: 2, queues: 1, prepare: func(c *Config) { c.OpTimeout = time.Minute }})
	to, first, end := r.hang(w)
	w.set(r.data(to), broken)
	barrier := r.engine.shared.Barrier
	r.until("the barrier is up", func() bool { return barrier.Up(to) })
	r.donors[to].kill()
	r.until("the barrier is down", func() bool { return !barrier.Up(to) })
	if s := r.engine.pages.Slab(0); s.Donor == to {
		t.Errorf("the slab is %+v", s)
	}
	for page := first; page < end; page += 16 {
		r.read(0, page, 3, 16)
	}
}

// TestNobodyCopiesThroughTheBarrier has somebody else raise the barrier before the donor
// that a slab moves to.
func TestNobodyCopiesThroughTheBarrier(t *testing.T) {
	r, w := watch(t, rigOptions{donors: 2, queues: 1})
	r.fill(0)
	from := r.engine.pages.Slab(0).Donor
	to := 1 - from
	barrier := r.engine.shared.Barrier
	barrier.Raise(to)
	r.engine.moves.Order(from, []uint32{0}, false)
	r.until("the donors are connected", func() bool {
		return len(w.connections(r.data(from))) > 0 && len(w.connections(r.data(to))) > 0
	})
	time.Sleep(100 * time.Millisecond) // it would have copied some
	if n := w.written(r.data(to)); n > 0 || r.engine.pages.Slab(0).State != slabmap.Migrating {
		t.Errorf("%d WRITEs, and the slab is %+v", n, r.engine.pages.Slab(0))
	}
	barrier.Lower(to)
	r.until("the slab has moved", func() bool { return r.engine.pages.Slab(0).State == slabmap.Mapped })
}

// TestStuckDonorHoldsUpNobody has an urgent move hang, because the slab's donor is stuck. An
// urgent order of another donor is carried out meanwhile, and a calm one of a third once the
// urgent one has had its time.
func TestStuckDonorHoldsUpNobody(t *testing.T) {
	// Each donor has room for one slab: none goes to the donor that is stuck.
	r, w := watch(t, rigOptions{donors: 6, queues: 1, memory: testSlab, prepare: func(c *Config) {
		c.Backing, c.AcceptLoss, c.OpTimeout = NoBacking, true, time.Minute
	}})
	r.fill(0)
	r.fill(1)
	r.fill(2)
	s, other, calm := r.engine.pages.Slab(0), r.engine.pages.Slab(1), r.engine.pages.Slab(2)
	address := r.data(s.Donor)
	w.set(address, hangs) // nothing can be read from it for a move
	r.engine.moves.Order(s.Donor, []uint32{0}, true)
	r.until("the first move hangs", func() bool { return r.engine.pages.Slab(0).State == slabmap.Migrating })
	begun := time.Now()
	r.engine.moves.Order(other.Donor, []uint32{1}, true)
	r.until("the other slab has moved", func() bool {
		s := r.engine.pages.Slab(1)
		return s.State == slabmap.Mapped && s.Donor != other.Donor
	})
	t.Logf("after %v; an urgent order has %v", time.Since(begun), mover.UrgentBudget)
	r.engine.moves.Order(calm.Donor, []uint32{2}, false)
	r.until("the third slab has moved", func() bool {
		s := r.engine.pages.Slab(2)
		return s.State == slabmap.Mapped && s.Donor != calm.Donor
	})
	if state := r.engine.pages.Slab(0).State; state != slabmap.Migrating {
		t.Errorf("the first is %v", state)
	}
	w.set(address, sound)
	r.until("the first has moved, too", func() bool { return r.engine.pages.Slab(0).State == slabmap.Mapped })
	if s := r.engine.report(); s.Pages.Lost != 0 || s.IO.Errors != 0 {
		t.Errorf("%+v %+v", s.Pages, s.IO)
	}
}
