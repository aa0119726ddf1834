package swapdev

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/mover"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
)

// churn has random slabs given back until the time is over, some in the middle of a move.
func (h *history) churn(end time.Time) {
	over, cancel := context.WithDeadline(h.t.Context(), end)
	defer cancel()
	h.churnUntil(over.Done(), 1)
}

// churnUntil is churn until over is closed.
func (h *history) churnUntil(over <-chan struct{}, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for {
		slab := rng.IntN(h.engine.pages.Geometry().Slabs())
		if s := h.engine.pages.Slab(slab); s.State == slabmap.Mapped || s.State == slabmap.Migrating {
			h.engine.moves.Order(s.Donor, []uint32{uint32(slab)}, rng.IntN(2) == 0)
		}
		select {
		case <-over:
			return
		case <-time.After(time.Duration(rng.IntN(20)) * time.Millisecond):
		}
	}
}

// settled waits for the end of all moves, and compares what the donors have lent
// with what the device holds there.
func (h *history) settled() {
	h.t.Helper()
	h.until("donors have what the map says", func() bool {
		holds := h.engine.holds()
		for i, d := range h.donors {
			if d.donor == nil || d.donor.Status().Memory.Mapped != int64(holds[i])*testSlab {
				return false
			}
		}
		return !slices.ContainsFunc(h.engine.slabs(), func(s slabmap.Slab) bool { return s.State == slabmap.Migrating })
	})
}

func (e *engine) slabs() []slabmap.Slab {
	all := make([]slabmap.Slab, e.pages.Geometry().Slabs())
	for i := range all {
		all[i] = e.pages.Slab(i)
	}
	return all
}

// TestHistoryWithMoves moves slabs between donors while requests go on: nobody may
// see an error or a wrong page, and no donor may be left with memory of a slab.
func TestHistoryWithMoves(t *testing.T) {
	noBacking := func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }
	for _, tt := range []struct {
		name         string
		o            rigOptions
		moves, drops bool
	}{
		{"remote-first", rigOptions{donors: 3, queues: 3}, true, false},
		{"strict", rigOptions{donors: 2, queues: 2, prepare: func(c *Config) { c.Ack = Strict }}, true, false},
		{"no backing", rigOptions{donors: 2, queues: 2, prepare: noBacking}, true, false},
		{"little room", rigOptions{donors: 2, queues: 2, memory: 3 * testSlab}, false, true},
		{"one donor", rigOptions{donors: 1, queues: 2}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(newRig(t, tt.o))
			end := time.Now().Add(*historyTime)
			n := h.during(*historyTime, func() { h.churn(end) })
			h.settled()
			s := h.engine.report()
			t.Logf("%d requests: %+v %+v %+v", n, s.Pages, s.IO, s.Moves)
			if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.Pages.Lost != 0 || s.IO.Failovers != 0 {
				t.Errorf("%+v %+v", s.IO, s.Pages)
			}
			if tt.moves && (s.Moves.Slabs == 0 || s.Moves.Pages == 0 || s.Moves.Dropped > 0) || tt.drops && s.Moves.Dropped == 0 {
				t.Errorf("%+v", s.Moves)
			}
		})
	}
}

// TestHistoryWithMovesAndDyingDonors loses donors in the middle of moves.
func TestHistoryWithMovesAndDyingDonors(t *testing.T) {
	h := newHistory(newRig(t, rigOptions{donors: 3, queues: 2}))
	end := time.Now().Add(*historyTime)
	n := h.during(*historyTime, func() {
		done := make(chan struct{})
		go func() { defer close(done); h.churn(end) }()
		for i := 0; i < 3 || time.Now().Before(end); i++ {
			time.Sleep(400 * time.Millisecond)
			h.donors[i%3].kill()
			time.Sleep(300 * time.Millisecond)
			h.donors[i%3].start()
		}
		<-done
	})
	s := h.engine.report()
	t.Logf("%d requests: %+v %+v %+v", n, s.Pages, s.IO, s.Moves)
	if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.Pages.Lost != 0 || s.IO.Failovers == 0 {
		t.Errorf("%+v %+v", s.IO, s.Pages)
	}
}

// TestHistoryWithMovesAndFaults has operations of moves and of requests dropped,
// failed and corrupted.
func TestHistoryWithMovesAndFaults(t *testing.T) {
	plan := faulty.Plan{Seed: rand.Uint64(), Drop: 0.0001, Fail: 0.0005, Corrupt: 0.02, Delay: 0.05, DelayMax: time.Millisecond}
	t.Logf("seed %d", plan.Seed)
	h := newHistory(newRig(t, rigOptions{
		donors: 3, queues: 2, prepare: func(c *Config) { c.OpTimeout = 200 * time.Millisecond },
		wrap: func(d verbs.Device) verbs.Device { return faulty.Wrap(d, plan) },
	}))
	end := time.Now().Add(2 * *historyTime)
	n := h.during(2**historyTime, func() { h.churn(end) })
	s := h.engine.report()
	t.Logf("%d requests: %+v %+v %+v", n, s.Pages, s.IO, s.Moves)
	if s.IO.Errors != 0 || s.Pages.Lost != 0 || s.IO.Corrupt == 0 || s.Moves.Slabs == 0 {
		t.Errorf("%+v %+v %+v", s.IO, s.Pages, s.Moves)
	}
}

// TestEvictIsAnswered asks as a donor does.
func TestEvictIsAnswered(t *testing.T) {
	r := newRig(t, rigOptions{donors: 2, queues: 1})
	r.heat(0, 1, 2)
	for page := range int64(64) {
		r.write(0, page, 7, 1)
	}
	from := r.engine.pages.Slab(0).Donor
	r.engine.moves.Order(from, []uint32{0, 0}, false)
	r.until("the slab is at the other donor", func() bool {
		s := r.engine.pages.Slab(0)
		return s.State == slabmap.Mapped && s.Donor != from
	})
	for page := range int64(64) {
		r.read(0, page, 7, 1)
	}
	if s := r.engine.report(); s.IO.RemoteReads < 64 || s.Moves.Pages < 64 || s.Moves.Slabs != 1 || s.Moves.Last <= 0 {
		t.Errorf("%+v %+v", s.IO, s.Moves)
	}
}

// TestUrgentMoveIsCutShort has a donor in need, at once or after it has asked calmly, and
// connections too slow to move the slab: the backing file takes it, in time.
func TestUrgentMoveIsCutShort(t *testing.T) {
	for _, calmFirst := range []bool{false, true} {
		t.Run(map[bool]string{false: "urgent", true: "calm first"}[calmFirst], func(t *testing.T) {
			r := newRig(t, rigOptions{donors: 2, queues: 1, wrap: func(d verbs.Device) verbs.Device {
				return faulty.Wrap(d, faulty.Plan{Delay: 1, DelayMax: 200 * time.Millisecond})
			}})
			r.heat(0)
			first, end := r.engine.pages.Geometry().PageRange(0)
			for page := first; page < end; page += 16 {
				r.write(0, page, 3, 16)
			}
			from := r.engine.pages.Slab(0).Donor
			if calmFirst {
				r.engine.moves.Order(from, []uint32{0}, false)
				r.until("the move is under way", func() bool { return r.engine.pages.Slab(0).State == slabmap.Migrating })
			}
			begun := time.Now()
			r.engine.moves.Order(from, []uint32{0}, true)
			r.until("the slab is dropped", func() bool { return r.engine.moves.Totals().Dropped == 1 })
			if took := time.Since(begun); took > 2*mover.UrgentBudget {
				t.Errorf("after %v", took)
			}
			for page := first; page < end; page += 256 {
				r.read(0, page, 3, 16)
			}
			if s := r.engine.report(); s.IO.Errors != 0 || s.Pages.Lost != 0 || s.Moves.Slabs != 0 || s.Moves.Drained <= 0 {
				t.Errorf("%+v %+v %+v", s.IO, s.Pages, s.Moves)
			}
		})
	}
}

// TestCalmMoveMakesWay has a donor ask for a slab calmly, and for another at once while the
// first moves: the first waits half moved, and is right then and afterwards.
func TestCalmMoveMakesWay(t *testing.T) {
	r := newRig(t, rigOptions{donors: 2, queues: 1, wrap: func(d verbs.Device) verbs.Device {
		return faulty.Wrap(d, faulty.Plan{Delay: 1, DelayMax: 50 * time.Millisecond})
	}})
	r.heat(0, 1)
	first, end := r.engine.pages.Geometry().PageRange(0)
	for page := first; page < end; page += 16 {
		r.write(0, page, 3, 16)
	}
	state := func(slab int) slabmap.State { return r.engine.pages.Slab(slab).State }
	calm, urgent := r.engine.pages.Slab(0).Donor, r.engine.pages.Slab(1).Donor
	r.engine.moves.Order(calm, []uint32{0}, false)
	r.until("a part of the slab is moved", func() bool {
		return state(0) == slabmap.Migrating && !r.engine.pages.Look(first).Old
	})
	begun := time.Now()
	r.engine.moves.Order(urgent, []uint32{1}, true)
	r.until("the other slab has moved", func() bool {
		s := r.engine.pages.Slab(1)
		return s.State == slabmap.Mapped && s.Donor != urgent
	})
	if took := time.Since(begun); state(0) != slabmap.Migrating || took > mover.UrgentBudget {
		t.Errorf("after %v, the first is %v", took, state(0))
	}
	for page := first; page < end; page += 256 {
		r.read(0, page, 3, 16)
	}
	r.until("the first has moved, too", func() bool { return state(0) == slabmap.Mapped })
	for page := first; page < end; page += 256 {
		r.read(0, page, 3, 16)
	}
	if s := r.engine.report(); s.IO.Errors != 0 || s.Pages.Lost != 0 || s.Moves.Slabs != 2 || s.Moves.Dropped != 0 {
		t.Errorf("%+v %+v %+v", s.IO, s.Pages, s.Moves)
	}
}

// TestNewDonorWantsItBack has the donor that a slab is moving to in need of its memory, in
// the middle of the move: no page is anywhere else, and none is lost.
func TestNewDonorWantsItBack(t *testing.T) {
	r := newRig(t, rigOptions{
		donors: 3, queues: 1, prepare: func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true },
		wrap: func(d verbs.Device) verbs.Device {
			return faulty.Wrap(d, faulty.Plan{Delay: 1, DelayMax: 50 * time.Millisecond})
		},
	})
	r.heat(0)
	first, end := r.engine.pages.Geometry().PageRange(0)
	for page := first; page < end; page += 16 {
		r.write(0, page, 3, 16)
	}
	r.engine.moves.Order(r.engine.pages.Slab(0).Donor, []uint32{0}, false)
	r.until("a part of the slab is moved", func() bool {
		return r.engine.pages.Slab(0).State == slabmap.Migrating && !r.engine.pages.Look(first).Old
	})
	wants := r.engine.pages.Slab(0).Donor
	r.engine.moves.Order(wants, []uint32{0}, true)
	r.until("the slab is elsewhere", func() bool {
		s := r.engine.pages.Slab(0)
		return s.State == slabmap.Mapped && s.Donor != wants
	})
	for page := first; page < end; page += 16 {
		r.read(0, page, 3, 16)
	}
	r.until("donors have what the map says", func() bool {
		holds := r.engine.holds()
		for i, d := range r.donors {
			if d.donor.Status().Memory.Mapped != int64(holds[i])*testSlab {
				return false
			}
		}
		return true
	})
	if s := r.engine.report(); s.IO.Errors != 0 || s.Pages.Lost != 0 || s.Moves.Slabs != 2 {
		t.Errorf("%+v %+v %+v", s.IO, s.Pages, s.Moves)
	}
}

// TestNewDonorOfAMoveDies loses the donor that a slab is moving to, in the middle of the
// move and without a backing file: what is still at the old donor is not lost, and goes to
// a third.
func TestNewDonorOfAMoveDies(t *testing.T) {
	r, device := newFaultyRig(t, rigOptions{donors: 3, queues: 1, prepare: func(c *Config) {
		c.Backing, c.AcceptLoss, c.OpTimeout = NoBacking, true, time.Minute
	}})
	r.heat(0)
	first, end := r.engine.pages.Geometry().PageRange(0)
	for page := first; page < end; page += 16 {
		r.write(0, page, 3, 16)
	}
	// Each operation of the move takes up to a second: most pages are at the old donor for long.
	device.SetPlan(faulty.Plan{Delay: 1, DelayMax: time.Second})
	from := r.engine.pages.Slab(0).Donor
	r.engine.moves.Order(from, []uint32{0}, false)
	atNew := func() (n int) {
		for page := first; page < end; page++ {
			if v := r.engine.pages.Look(page); v.Place == slabmap.Remote && !v.Old {
				n++
			}
		}
		return n
	}
	r.until("a part of the slab is moved", func() bool {
		return r.engine.pages.Slab(0).State == slabmap.Migrating && atNew() > 0
	})
	to := r.engine.pages.Slab(0).Donor
	r.donors[to].kill()
	device.SetPlan(faulty.Plan{})
	r.until("the slab is at the third", func() bool {
		s := r.engine.pages.Slab(0)
		return s.State == slabmap.Mapped && s.Donor != from && s.Donor != to
	})
	s := r.engine.report()
	if s.Pages.Lost == 0 || s.Pages.Lost >= (end-first)/2 || s.IO.Failovers != 0 {
		t.Errorf("%d of %d pages are lost: %+v", s.Pages.Lost, end-first, s.IO)
	}
	for page := first; page < end; page++ {
		if !r.engine.pages.Look(page).Lost {
			r.read(0, page, 3, 1)
		}
	}
}
