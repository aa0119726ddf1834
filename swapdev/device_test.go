package swapdev

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs/faulty"
)

func TestUnmappedSlabsAreServedLocally(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.HotThreshold = 1e9 }})
	r.read(0, 0, 0, 16) // never written
	r.write(0, 3, 1, 5)
	r.read(0, 3, 1, 5)
	r.write(0, 4, 2, 1)
	r.read(0, 3, 1, 1)
	r.read(0, 4, 2, 1)
	if s := r.engine.report(); s.Pages.Backing != 5 || s.Pages.Remote+s.Pages.Both != 0 || s.IO.RemoteWrites != 0 {
		t.Errorf("%+v %+v", s.Pages, s.IO)
	}
}

func TestHotSlabsAreServedByDonors(t *testing.T) {
	for _, ack := range []AckPolicy{RemoteFirst, Strict} {
		t.Run(string(ack), func(t *testing.T) {
			r := newRig(t, rigOptions{donors: 2, queues: 2, prepare: func(c *Config) {
				c.Ack = ack
				// No donor is too slow, however slow the machine is.
				c.OpTimeout, c.Period = 10*time.Second, time.Hour
			}})
			r.until("both donors are there", func() bool {
				return !slices.ContainsFunc(r.engine.report().Donors, func(d status.Donor) bool { return d.State != "up" })
			})
			r.heat(0, 1, 2, 3, 4, 5, 6)
			for _, h := range r.engine.holds() {
				if h < 3 {
					t.Errorf("slabs are spread as %v", r.engine.holds())
				}
			}
			// Requests over the border of two slabs, and to the last, short slab.
			per := int64(testSlab / testPage)
			for i, page := range []int64{0, per - 3, 2*per - 15, 6 * per, 6*per - 1} {
				n := int(min(16, 6*per+5-page))
				r.write(i, page, uint64(i+2), n)
				if p := r.engine.pages.Count(); ack == Strict && p.Remote != 0 {
					t.Errorf("%d pages were answered before the backing file had them", p.Remote)
				}
				r.settle(page, n) // or the backing file is read
				r.read(i+1, page, uint64(i+2), n)
			}
			s := r.engine.report()
			if s.IO.RemoteReads == 0 || s.IO.RemoteWrites == 0 || s.IO.BackingReads != 0 || s.IO.Errors != 0 {
				t.Errorf("%+v", s.IO)
			}
			r.until("backing writes end", func() bool { return r.engine.report().Pages.Remote == 0 })
			if s := r.engine.report(); s.Pages.Both == 0 || s.Memory.PerPageShare > 0.6 {
				t.Errorf("%+v %+v", s.Pages, s.Memory)
			}
		})
	}
}

func TestDiscardForgets(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1})
	r.heat(0)
	r.write(0, 10, 1, 8)
	for op, page := range map[ublk.Op]int64{ublk.OpDiscard: 11, ublk.OpWriteZeroes: 14} {
		if res := r.queue(0).do(op, page*testPage, nil, 2*testPage); res != 0 {
			t.Fatalf("%v: %d", op, res)
		}
	}
	for page, version := range map[int64]uint64{10: 1, 11: 0, 12: 0, 13: 1, 14: 0, 15: 0, 16: 1, 17: 1} {
		r.read(0, page, version, 1)
	}
	if res := r.queue(0).do(ublk.OpDiscard, 0, nil, int(r.cfg.Size)); res != 0 {
		t.Fatalf("discard of the whole device: %d", res)
	}
	if n := r.engine.pages.Count().None; n != r.engine.pages.Geometry().Pages() {
		t.Errorf("%d pages are none", n)
	}
}

func TestFlushWaitsForTheBackingFile(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	r.heat(0)
	for i := range int64(200) {
		r.write(int(i), i*2, 7, 2)
	}
	if res := r.queue(1).do(ublk.OpFlush, 0, nil, 0); res != 0 {
		t.Fatal(res)
	}
	if p := r.engine.pages.Count(); p.Remote != 0 {
		t.Errorf("after a flush %d pages are at the donor only", p.Remote)
	}
}

func TestCorruptCopiesAreReplaced(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.HotThreshold = 1e9 }})
	r.write(0, 0, 1, 2)
	r.spoil(1, 1)
	r.read(0, 0, 1, 1)
	buf := make([]byte, testPage)
	if res := r.queue(0).do(ublk.OpRead, testPage, buf, testPage); res != -5 {
		t.Errorf("a page with no good copy: %d, want -EIO", res)
	}
	if s := r.engine.report(); s.IO.Corrupt != 2 || s.IO.Errors != 1 { // read twice
		t.Errorf("%+v", s.IO)
	}
}

func TestLossOfADonorFailsOver(t *testing.T) {
	r := newRig(t, rigOptions{donors: 2, queues: 2})
	r.heat(0, 1, 2, 3)
	for page := range int64(4000) {
		r.write(int(page), page, 3, 1)
	}
	r.donors[0].kill()
	for page := range int64(4000) {
		r.read(int(page), page, 3, 1)
	}
	r.until("the slabs are on the other donor", func() bool {
		r.heat(0, 1, 2, 3)
		h := r.engine.holds()
		return h[0] == 0 && h[1] >= 4
	})
	s := r.engine.report()
	if s.IO.Errors != 0 || s.IO.Failovers == 0 || !s.Degraded || s.Donors[0].State != "down" || s.Donors[0].Error == "" {
		t.Errorf("%+v %+v", s.IO, s.Donors)
	}
	r.donors[0].start()
	r.until("the donor is used again", func() bool { return r.engine.report().Donors[0].State == "up" })
	r.read(0, 100, 3, 16)
}

func TestWithoutBackingFile(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }})
	r.write(0, 0, 1, 16) // waits for the slab to be mapped
	r.read(0, 0, 1, 16)
	if res := r.queue(0).do(ublk.OpFlush, 0, nil, 0); res != 0 {
		t.Fatal(res)
	}
	if s := r.engine.report(); s.Pages.Remote != 16 || s.IO.BackingWrites != 0 {
		t.Errorf("%+v %+v", s.Pages, s.IO)
	}
	r.donors[0].kill()
	buf := make([]byte, testPage)
	if res := r.queue(0).do(ublk.OpRead, 0, buf, testPage); res != -5 {
		t.Errorf("read of a lost page: %d, want -EIO", res)
	}
	r.read(0, 100, 0, 1) // never written: zeros need no donor
	r.until("the loss shows", func() bool { return r.engine.report().Pages.Lost == 16 })
}

// TestOnlyCopyIsReadTwice has no other copy of the pages whose answers are altered on the
// way, one in ten: two in a row are an error, one is not.
func TestOnlyCopyIsReadTwice(t *testing.T) {
	const pages, reads = 256, 2000
	r, device := newFaultyRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }})
	for page := int64(0); page < pages; page += 16 {
		r.write(0, page, 1, 16)
	}
	device.SetPlan(faulty.Plan{Corrupt: 0.1})
	buf := make([]byte, testPage)
	for i := range int64(reads) {
		page := i * 101 % pages // no page's neighbour: none is fetched ahead
		switch res := r.queue(0).do(ublk.OpRead, page*testPage, buf, testPage); {
		case res == -5:
		case res != testPage || !bytes.Equal(buf, content(page, 1, 1)):
			t.Fatalf("read of page %d: %d, or other bytes", page, res)
		}
	}
	if s := r.engine.report(); s.IO.Errors == 0 || s.IO.Errors > s.IO.Corrupt/4 || s.Pages.Lost != 0 {
		t.Errorf("%+v %+v", s.Pages, s.IO)
	}
}

// TestBackingFileFails: one fault loses nothing under remote-first, and is said;
// strict promises two copies, so it refuses the write.
func TestBackingFileFails(t *testing.T) {
	for _, ack := range []AckPolicy{RemoteFirst, Strict} {
		t.Run(string(ack), func(t *testing.T) {
			r := newRig(t, rigOptions{donors: 1, frozen: true, prepare: func(c *Config) { c.Ack = ack }})
			write := func() int32 { return r.queue(0).do(ublk.OpWrite, 0, content(0, 1, 4), 4*testPage) }
			if res := write(); ack == Strict && res != -5 {
				t.Errorf("a write that can get one copy at most: %d, want -EIO", res)
			} else if ack == RemoteFirst && res != 4*testPage {
				t.Errorf("a write that the backing file refuses: %d", res)
			}
			r.until("the slab is mapped", func() bool { return write() != 0 && r.mapped() == 1 })
			if res := write(); ack == Strict {
				if res != -5 {
					t.Errorf("a write that got one copy: %d, want -EIO", res)
				}
				return
			} else if res != 4*testPage {
				t.Fatalf("a write that the donor has: %d", res)
			}
			r.read(0, 0, 1, 4)
			if res := r.queue(0).do(ublk.OpFlush, 0, nil, 0); res != -5 {
				t.Errorf("flush of what the backing file has not: %d, want -EIO", res)
			}
			s := r.engine.report()
			if s.BackingOK || !s.Degraded || s.Pages.Remote != 4 || s.Pages.Both != 0 {
				t.Errorf("%+v, degraded: %q", s.Pages, s.Reason)
			}
		})
	}
}

func TestBackPressureWithoutSpareBuffers(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, spare: 1})
	r.heat(0)
	done := make(chan struct{})
	for w := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range int64(50) {
				page := int64(w)*100 + i
				if res := r.queue(0).do(ublk.OpWrite, page*testPage, content(page, 9, 1), testPage); res != testPage {
					t.Errorf("write: %d", res)
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
	for w := range int64(8) {
		r.read(0, w*100, 9, 16)
	}
}

func TestDonorWithoutRoom(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, memory: 2 * testSlab})
	r.until("two slabs are mapped", func() bool {
		for s := range 4 {
			first, _ := r.engine.pages.Geometry().PageRange(s)
			r.write(0, first, 5, 3)
		}
		return r.mapped() == 2
	})
	for s := range 4 {
		first, _ := r.engine.pages.Geometry().PageRange(s)
		r.read(0, first, 5, 3)
	}
	if st := r.engine.pages.Slab(5).State; st != slabmap.Unmapped {
		t.Errorf("slab 5 is %v", st)
	}
}

// TestWriteThatNoCopyGot: the donor's connection and the backing file fail
// together, for longer than the write may wait. The kernel must be told.
func TestWriteThatNoCopyGot(t *testing.T) {
	r, device := newFaultyRig(t, rigOptions{donors: 1, frozen: true, prepare: func(c *Config) { c.Patience = time.Second }})
	write := func() int32 { return r.queue(0).do(ublk.OpWrite, 0, content(0, 1, 4), 4*testPage) }
	r.until("the slab is mapped", func() bool { return write() == 4*testPage })
	device.SetPlan(faulty.Plan{Fail: 1})
	if res := write(); res != -5 {
		t.Errorf("write: %d, want -EIO", res)
	}
}

// TestRequestsWaitForAWriter: while a page is being written, nobody else may
// read, write or discard it.
func TestRequestsWaitForAWriter(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	for _, op := range []ublk.Op{ublk.OpRead, ublk.OpWrite, ublk.OpDiscard} {
		r.write(0, 0, 1, 4)
		r.until("the page is free", func() bool { return r.engine.pages.BeginWrite(2) })
		done := make(chan int32)
		go func() { done <- r.queue(1).do(op, 0, content(0, 1, 4), 4*testPage) }()
		select {
		case res := <-done:
			t.Errorf("%v did not wait: %d", op, res)
		case <-time.After(50 * time.Millisecond):
			r.engine.pages.AbortWrite(2)
			if res := <-done; res < 0 {
				t.Errorf("%v: %d", op, res)
			}
		}
	}
}

// TestWaitsEnd: a request that waits in vain is answered when its patience is
// over.
func TestWaitsEnd(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.OpTimeout, c.Patience = 50*time.Millisecond, 100*time.Millisecond }})
	r.write(0, 0, 1, 1)
	r.until("the page is free", func() bool { return r.engine.pages.BeginWrite(0) })
	for _, op := range []ublk.Op{ublk.OpRead, ublk.OpWrite, ublk.OpDiscard} {
		if res := r.queue(0).do(op, 0, content(0, 1, 1), testPage); res != -5 {
			t.Errorf("%v: %d, want -EIO", op, res)
		}
	}
	r.engine.pages.AbortWrite(0)
	r.read(0, 0, 1, 1)
}
