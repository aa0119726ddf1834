package swapdev

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs/faulty"
)

func withoutBacking(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }

// start does a request whose end the test does not wait for yet.
func (r *rig) start(op ublk.Op, page int64, data []byte) <-chan int32 {
	done := make(chan int32, 1)
	go func() { done <- r.queue(0).do(op, page*testPage, data, len(data)) }()
	return done
}

// waits reports that nothing has come for d. That is never too short for a request that is
// right: it waits for as long as it must.
func waits(t *testing.T, what string, done <-chan int32, d time.Duration) {
	t.Helper()
	select {
	case res := <-done:
		t.Errorf("%s did not wait: %d", what, res)
	case <-time.After(d):
	}
}

// TestFailedConnectionSuspends: the slab stays where it is, nobody writes there until the
// next connection is there, and no page is lost.
func TestFailedConnectionSuspends(t *testing.T) {
	r, device := newFaultyRig(t, rigOptions{donors: 1})
	r.heat(0)
	lost := r.mustRelink(0, 0, 1)
	r.write(0, 0, 1, 16)
	r.settle(0, 16)
	barrier, before := r.engine.shared.Barrier, r.engine.pages.Slab(0)
	device.SetPlan(faulty.Plan{Fail: 1})
	r.write(0, 0, 2, 4)
	if err := <-lost; err == nil {
		t.Error("the connection failed for no reason")
	}
	if !barrier.Up(0) {
		t.Error("the barrier is not up")
	}
	device.SetPlan(faulty.Plan{})
	r.read(0, 0, 2, 4)
	r.read(0, 4, 1, 12)
	r.write(0, 8, 3, 2)
	r.read(0, 8, 3, 2)
	for _, page := range []int64{0, 8} {
		if v := r.engine.pages.Look(page); v.Place != slabmap.Backing {
			t.Errorf("page %d is in %v: %+v", page, v.Place, v)
		}
	}
	if now := r.engine.pages.Slab(0); now != before {
		t.Errorf("the slab is %+v, and was %+v", now, before)
	}
	r.mustRelink(0, 0, 2)
	if barrier.Up(0) {
		t.Error("the barrier is still up")
	}
	r.write(0, 8, 4, 2)
	r.until("the donor is written to again", func() bool { return r.engine.pages.Look(8).Place == slabmap.Remote|slabmap.Backing })
	r.read(0, 4, 1, 4)
	r.read(0, 8, 4, 2)
	if s := r.engine.report(); s.IO.Errors != 0 || s.IO.Failovers != 0 || s.IO.Corrupt != 0 {
		t.Errorf("%+v", s.IO)
	}
}

// TestOnlyCopiesWaitForASuspendedDonor: however impatient the requests are, what is nowhere
// else waits for the donor, and a write whose outcome nobody knows keeps its page until it
// is posted again.
func TestOnlyCopiesWaitForASuspendedDonor(t *testing.T) {
	const patience = 50 * time.Millisecond
	r, device := newFaultyRig(t, rigOptions{donors: 1, prepare: func(c *Config) {
		withoutBacking(c)
		c.OpTimeout, c.Patience = patience, time.Minute
	}})
	r.write(0, 0, 1, 16) // waits for its slab
	r.engine.shared.Patience = patience
	lost := r.mustRelink(0, 0, 1)
	device.SetPlan(faulty.Plan{Fail: 1})
	write := r.start(ublk.OpWrite, 0, content(0, 2, 4))
	<-lost
	device.SetPlan(faulty.Plan{})
	got := make([]byte, testPage)
	read, same := r.start(ublk.OpRead, 8, got), r.start(ublk.OpWrite, 1, content(1, 3, 1))
	waits(t, "a write of unknown outcome", write, 4*patience)
	waits(t, "a read", read, 0)
	waits(t, "a write of the same page", same, 0)
	if r.engine.pages.BeginWrite(0) {
		t.Error("the page of a write of unknown outcome is free")
	}
	r.mustRelink(0, 0, 2)
	for what, done := range map[string]struct {
		c   <-chan int32
		len int32
	}{"write": {write, 4 * testPage}, "read": {read, testPage}, "second write": {same, testPage}} {
		if res := <-done.c; res != done.len {
			t.Errorf("%s: %d", what, res)
		}
	}
	r.read(0, 0, 2, 1)
	r.read(0, 1, 3, 1)
	r.read(0, 2, 2, 2)
	r.read(0, 4, 1, 12)
	if s := r.engine.report(); s.IO.Errors != 0 || s.IO.Failovers != 0 || s.Pages.Lost != 0 {
		t.Errorf("%+v %+v", s.IO, s.Pages)
	}
}

// TestLostDonorEndsWaits: what waited for a suspended donor is an error when that is lost.
// A write finds another donor.
func TestLostDonorEndsWaits(t *testing.T) {
	r, device := newFaultyRig(t, rigOptions{donors: 1, prepare: withoutBacking})
	r.write(0, 0, 1, 16)
	lost := r.mustRelink(0, 0, 1)
	device.SetPlan(faulty.Plan{Fail: 1})
	write := r.start(ublk.OpWrite, 0, content(0, 2, 4))
	<-lost
	read := r.start(ublk.OpRead, 8, make([]byte, testPage))
	waits(t, "a write", write, 50*time.Millisecond)
	r.donors[0].kill()
	if res := <-read; res != -5 {
		t.Errorf("a read of a lost page: %d, want -EIO", res)
	}
	r.until("the barrier is down", func() bool { return !r.engine.shared.Barrier.Up(0) })
	device.SetPlan(faulty.Plan{})
	r.donors[0].start()
	if res := <-write; res != 4*testPage {
		t.Errorf("the write: %d", res)
	}
	r.read(0, 0, 2, 4)
}

// TestDonorsBarrierStopsWrites: whoever raised it, and on every queue.
func TestDonorsBarrierStopsWrites(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	r.heat(0)
	r.engine.shared.Barrier.Raise(0)
	for i := range int64(2) {
		r.write(int(i), 4+i, 1, 1)
		r.settle(4+i, 1)
		if v := r.engine.pages.Look(4 + i); v.Place != slabmap.Backing {
			t.Errorf("queue %d: page is in %v", i, v.Place)
		}
	}
	r.engine.shared.Barrier.Lower(0)
	r.write(1, 4, 2, 1)
	r.until("the donor is written to", func() bool { return r.engine.pages.Look(4).Place == slabmap.Remote|slabmap.Backing })
}

// TestPagesInBuffersAreWaitedFor: a page that lies in a buffer of the server goes where it
// is going, however impatient the next request is.
func TestPagesInBuffersAreWaitedFor(t *testing.T) {
	const patience = 50 * time.Millisecond
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) {
		c.OpTimeout, c.Patience, c.HotThreshold = patience, patience, 1e9
	}})
	for _, op := range []ublk.Op{ublk.OpRead, ublk.OpWrite, ublk.OpDiscard} {
		r.write(0, 2, 1, 1)
		r.until("the page is free", func() bool { return r.engine.pages.BeginWrite(2) })
		v := r.engine.pages.Look(2)
		r.engine.pages.EndWrite(2, slabmap.Written{CRC: v.CRC, Seal: v.Seal, Pending: true})
		done := r.start(op, 2, content(2, 1, 1))
		waits(t, op.String(), done, 4*patience)
		r.engine.pages.EndPending(2, true)
		if res := <-done; res < 0 {
			t.Errorf("%v: %d", op, res)
		}
	}
}

// TestPatienceCountsFromTheLastStep: a request that goes on, slowly, is not given up.
func TestPatienceCountsFromTheLastStep(t *testing.T) {
	const pages, step = 8, 500 * time.Millisecond
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) {
		c.Patience, c.HotThreshold = (pages-1)*step, 1e9
	}})
	for page := range int64(pages) {
		if !r.engine.pages.BeginWrite(page) {
			t.Fatal("a page is in use")
		}
	}
	done := r.start(ublk.OpWrite, 0, content(0, 1, pages))
	for page := range int64(pages) {
		time.Sleep(step)
		r.engine.pages.AbortWrite(page)
	}
	if res := <-done; res != pages*testPage {
		t.Errorf("%d", res)
	}
}

// TestHistoryWithSuspendedLinks has connections stall, fail and come back while requests go
// on, and donors carry failed writes out late: nobody may see an error or a wrong page, no
// slab is lost, with a backing file or without.
func TestHistoryWithSuspendedLinks(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    rigOptions
	}{
		{"remote-first", rigOptions{donors: 2, queues: 2, prepare: func(*Config) {}}},
		{"few buffers", rigOptions{donors: 2, queues: 2, spare: 2, prepare: func(*Config) {}}},
		{"strict", rigOptions{donors: 2, queues: 2, prepare: func(c *Config) { c.Ack = Strict }}},
		{"no backing", rigOptions{donors: 2, queues: 2, prepare: withoutBacking}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prepare := tt.o.prepare
			tt.o.prepare = func(c *Config) {
				prepare(c)
				c.OpTimeout, c.Late = 200*time.Millisecond, 2*time.Millisecond
			}
			r, device := newFaultyRig(t, tt.o)
			r.heat(0, 1, 2, 3, 4, 5, 6)
			h := newHistory(r)
			for slab := range 7 { // heat wrote there
				first, _ := r.engine.pages.Geometry().PageRange(slab)
				if !r.engine.pages.Look(first).Zeros() {
					h.versions[first] = 1
				}
			}
			device.SetPlan(faulty.Plan{
				Seed: rand.Uint64(), Fail: 0.001, Drop: 0.0003, Delay: 0.01, DelayMax: 10 * time.Millisecond,
				Late: 0.5, LateMax: 300 * time.Millisecond, Stall: 0.0005, StallMax: 300 * time.Millisecond,
			})
			n := h.during(*historyTime, func() {
				for end := time.Now().Add(time.Minute); device.Counts().Failed < 3 && time.Now().Before(end); {
					time.Sleep(10 * time.Millisecond)
				}
			})
			s := h.engine.report()
			t.Logf("%d requests, faults %+v, %d suspensions: %+v %+v", n, device.Counts(), suspensions(s), s.Pages, s.IO)
			if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.Pages.Lost != 0 || s.IO.Failovers != 0 || suspensions(s) == 0 {
				t.Errorf("%+v %+v", s.IO, s.Pages)
			}
		})
	}
}
