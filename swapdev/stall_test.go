package swapdev

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// stall stops what a donor answers, or lets it go on.
func (r *rig) stall(g *gate, donor uint16, shut bool) { g.stall(r.dataAddress(donor), shut) }

// TestWriteIsAnsweredWithoutAStalledDonor: the backing file has the page, so the write is
// over. The next write of the page is not sent before the first has ended.
func TestWriteIsAnsweredWithoutAStalledDonor(t *testing.T) {
	r, g := newGatedRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.OpTimeout, c.Patience = time.Minute, time.Minute }})
	r.heat(0)
	r.settle(0, 1)
	r.stall(g, 0, true)
	r.write(0, 4, 1, 3)
	if v := r.engine.pages.Look(4); v.Place != slabmap.Backing || !v.Pending {
		t.Errorf("%+v", v)
	}
	r.read(0, 4, 1, 3)
	next := r.start(ublk.OpWrite, 5, content(5, 2, 1))
	waits(t, "the next write of the page", next, 50*time.Millisecond)
	r.stall(g, 0, false)
	if res := <-next; res != testPage {
		t.Errorf("the next write: %d", res)
	}
	r.until("the donor has the pages", func() bool {
		return r.engine.pages.Look(4).Place == slabmap.Remote|slabmap.Backing && r.engine.pages.Look(5).Place == slabmap.Remote|slabmap.Backing
	})
	r.read(0, 4, 1, 1)
	r.read(0, 5, 2, 1)
}

// twoGated has two donors behind a gate, slabs on both, and their first pages written. It
// returns the donor of slab 0, and the first page of a slab of the other.
func twoGated(t *testing.T, prepare func(*Config)) (r *rig, g *gate, stalled uint16, elsewhere int64) {
	r, g = newGatedRig(t, rigOptions{donors: 2, prepare: func(c *Config) {
		c.OpTimeout, c.Patience, c.NoPrefetch = time.Hour, time.Hour, true // nothing but the bound lets requests go on
		prepare(c)
	}})
	r.until("both donors are connected", func() bool {
		s := r.engine.report()
		return s.Donors[0].State == string(lenders.StateUp) && s.Donors[1].State == string(lenders.StateUp)
	})
	r.heat(0, 1, 2, 3)
	stalled = r.engine.pages.Slab(0).Donor
	for slab := range 4 {
		if r.engine.pages.Slab(slab).Donor != stalled {
			elsewhere, _ = r.engine.pages.Geometry().PageRange(slab)
		}
	}
	if elsewhere == 0 {
		t.Fatal("all slabs are at one donor")
	}
	for page := int64(0); page < stalledPages; page += 16 {
		r.write(0, page, 3, 16)
		r.write(0, elsewhere+page, 3, 16)
	}
	r.settle(0, stalledPages)
	r.settle(elsewhere, stalledPages)
	return r, g, stalled, elsewhere
}

// stalledPages are sixteen times the tags.
const stalledPages = 256

// TestStalledDonorStopsNobodyElse: whatever is asked of it, it keeps no more than a quarter
// of the tags.
func TestStalledDonorStopsNobodyElse(t *testing.T) {
	r, g, stalled, elsewhere := twoGated(t, func(c *Config) { c.Late = 2 * time.Millisecond })
	r.stall(g, stalled, true)
	var wg sync.WaitGroup
	var answered atomic.Int64
	for i := range int64(stalledPages) {
		wg.Go(func() {
			got := make([]byte, testPage)
			if res := r.queue(0).do(ublk.OpRead, i*testPage, got, testPage); res != testPage || !bytes.Equal(got, content(i, 3, 1)) {
				t.Errorf("read of page %d: %d, or other bytes", i, res)
			}
			answered.Add(1)
		})
	}
	r.until("only few reads wait for the donor", func() bool { return answered.Load() >= stalledPages-int64(r.engine.spec.Depth/4) })
	for page := range int64(64) {
		r.write(0, stalledPages+page, 4, 1)
		r.read(0, page, 3, 1)
		r.read(0, elsewhere+page, 3, 1)
	}
	s := r.engine.report()
	if s.IO.HedgedReads == 0 || s.IO.HedgedWins == 0 || s.IO.HedgedWins > s.IO.HedgedReads || s.IO.Errors != 0 || s.IO.Corrupt != 0 {
		t.Errorf("%+v", s.IO)
	}
	r.stall(g, stalled, false)
	wg.Wait()
	r.until("the donor is used again", func() bool {
		before := r.engine.report().IO.RemoteReads
		r.read(0, 0, 3, 16)
		return r.engine.report().IO.RemoteReads >= before+16
	})
	for page := range int64(64) {
		r.settle(stalledPages+page, 1)
		r.read(0, stalledPages+page, 4, 1)
	}
}

// TestWritesToAStalledDonorStopNobodyElse: the backing file has been as fast as can be before
// the donor was late. Then the donor keeps no more than half of the tags, under both policies.
func TestWritesToAStalledDonorStopNobodyElse(t *testing.T) {
	for _, ack := range []AckPolicy{RemoteFirst, Strict} {
		t.Run(string(ack), func(t *testing.T) {
			r, g, stalled, elsewhere := twoGated(t, func(c *Config) { c.Ack, c.Late = ack, time.Second })
			r.stall(g, stalled, true)
			var wg sync.WaitGroup
			var answered atomic.Int64
			for i := range int64(stalledPages) {
				wg.Go(func() {
					r.write(0, i, 4, 1)
					answered.Add(1)
				})
			}
			r.until("only few writes wait for the donor", func() bool { return answered.Load() >= stalledPages-int64(r.engine.spec.Depth/2) })
			for page := range int64(64) {
				r.write(0, elsewhere+page, 5, 1)
				r.read(0, elsewhere+page, 5, 1)
			}
			r.stall(g, stalled, false)
			wg.Wait()
			for page := range int64(stalledPages) {
				r.settle(page, 1)
				r.read(0, page, 4, 1)
			}
			if s := r.engine.report(); s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.Pages.Lost != 0 {
				t.Errorf("%+v %+v", s.IO, s.Pages)
			}
		})
	}
}

// TestDonorThatDoesHardlyAnythingIsLeft: no operation times out by itself, since one ends in
// time whenever the deadline is near. The donor is suspended nevertheless, and loses nothing.
func TestDonorThatDoesHardlyAnythingIsLeft(t *testing.T) {
	const timeout = 500 * time.Millisecond
	r, g, slow, elsewhere := twoGated(t, func(c *Config) { c.OpTimeout, c.Late, c.Grace = timeout, 2*time.Millisecond, time.Minute })
	suspended := func() uint64 { return r.engine.report().Donors[slow].Suspensions }
	address, before := r.dataAddress(slow), suspended()
	g.drip(address, timeout*19/20)
	var readers sync.WaitGroup
	var done atomic.Bool
	for page := range int64(r.engine.spec.Depth) {
		readers.Go(func() {
			for !done.Load() {
				r.read(0, page, 3, 1)
			}
		})
	}
	r.until("the donor is suspended", func() bool { return suspended() > before })
	done.Store(true)
	readers.Wait()
	for page := range int64(64) {
		r.read(0, page, 3, 1)
		r.read(0, elsewhere+page, 3, 1)
	}
	g.drip(address, 0)
	r.until("the donor is used again", func() bool {
		was := r.engine.report().IO.RemoteReads
		r.read(0, 0, 3, 16)
		return r.engine.report().IO.RemoteReads >= was+16
	})
	if s := r.engine.report(); s.IO.Errors != 0 || s.IO.Failovers != 0 || s.IO.Corrupt != 0 || s.Pages.Lost != 0 {
		t.Errorf("%+v %+v", s.IO, s.Pages)
	}
}

// TestHeldUpRequestsSuspend: a write of a page that is on its way to a stalled donor could go
// to the backing file. It does once the donor is suspended, sooner than for anything else.
func TestHeldUpRequestsSuspend(t *testing.T) {
	r, g := newGatedRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.OpTimeout, c.Patience = 4*time.Second, time.Minute }})
	r.heat(0)
	r.settle(0, 1)
	lost := r.mustRelink(0, 0, 1)
	r.stall(g, 0, true)
	r.write(0, 4, 1, 1)
	if v := r.engine.pages.Look(4); v.Place != slabmap.Backing || !v.Pending {
		t.Errorf("%+v", v)
	}
	r.write(0, 4, 2, 1)
	if err := <-lost; !errors.Is(err, verbs.ErrTimeout) || !strings.Contains(err.Error(), "held up") {
		t.Errorf("the connection has failed because of %v", err)
	}
	r.read(0, 4, 2, 1)
	r.stall(g, 0, false)
	r.mustRelink(0, 0, 2)
	r.read(0, 4, 2, 1)
	if s := r.engine.report(); s.IO.Errors != 0 || s.IO.Corrupt != 0 {
		t.Errorf("%+v", s.IO)
	}
}

// TestWriteWithoutACopyIsNotAnswered: the slab was taken from its donor while the write was
// there, and the backing file refuses it. The page is nowhere, so the write goes on until
// it is somewhere.
func TestWriteWithoutACopyIsNotAnswered(t *testing.T) {
	r, g := newGatedRig(t, rigOptions{donors: 2, frozen: true, prepare: func(c *Config) { c.OpTimeout = time.Minute; c.Patience = time.Minute }})
	r.write(0, 0, 1, 4) // waits for its slab
	at := r.engine.pages.Slab(0)
	r.stall(g, at.Donor, true)
	write := r.start(ublk.OpWrite, 0, content(0, 2, 4))
	r.until("the backing file has refused it", func() bool { return r.engine.pages.Look(0).Writing && r.engine.report().IO.BackingWrites >= 8 })
	failed, err := r.engine.pages.Fail(0, at.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	r.stall(g, at.Donor, false)
	placement.Release(r.engine.pages, r.engine.journal, r.engine.over, []placement.Failed{{Slab: 0, Epoch: failed}})
	r.engine.unmap(t.Context(), 0, at.Donor)
	if res := <-write; res != 4*testPage {
		t.Fatalf("write: %d", res)
	}
	r.read(0, 0, 2, 4)
	if s := r.engine.report(); s.Pages.Lost != 0 || s.IO.Errors != 0 {
		t.Errorf("%+v %+v", s.Pages, s.IO)
	}
}

// pausing is a connection that stops the thread which attaches it, as a pause of the whole
// process does, and then cannot be used.
type pausing struct{ time.Duration }

func (p pausing) Attach(*uring.Loop, func()) (verbs.QP, error) {
	time.Sleep(p.Duration)
	return nil, verbs.ErrNotReady
}

func (pausing) Close() error { return nil }

// TestOwnPauseIsNoDonorsFault: what donors have answered meanwhile is taken up before any
// deadline is looked at.
func TestOwnPauseIsNoDonorsFault(t *testing.T) {
	const timeout = 200 * time.Millisecond
	r := newRig(t, rigOptions{donors: 2, prepare: func(c *Config) { c.OpTimeout = timeout }})
	r.heat(0)
	r.write(0, 0, 1, 16)
	r.settle(0, 16)
	before := r.engine.pages.Slab(0)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for page := range int64(8) {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					r.read(0, page, 1, 1)
				}
			}
		})
	}
	for range 3 {
		if err := r.engine.queues[0].Attach(1-before.Donor, pausing{3 * timeout}, make(chan error, 1)); !errors.Is(err, verbs.ErrNotReady) {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
	if now, io := r.engine.pages.Slab(0), r.engine.report().IO; now != before || io.Failovers != 0 || io.Errors != 0 {
		t.Errorf("the slab is %+v, and was %+v: %+v", now, before, io)
	}
}
