package swapdev

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/scrubber"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
)

// both reports whether pages have both copies.
func (r *rig) both(page, pages int64) bool {
	for p := page; p < page+pages; p++ {
		if v := r.engine.pages.Look(p); v.Place != slabmap.Remote|slabmap.Backing || v.Pending {
			return false
		}
	}
	return true
}

// TestBackingFileWorksAgain: what was written while it failed goes there afterwards, without
// being written again, and flushes and status are about now.
func TestBackingFileWorksAgain(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1})
	first, _ := r.engine.pages.Geometry().PageRange(2)
	r.heat(2)
	restore := r.full()
	r.write(0, first, 7, 16)
	r.write(0, first+100, 7, 5)
	if res := r.flush(); res != -5 {
		t.Errorf("flush of what the backing file has not: %d, want -EIO", res)
	}
	if s := r.engine.report(); s.BackingOK || !s.Degraded || s.Scrub.Lacking < 21 {
		t.Errorf("degraded %v %q, %+v", s.Degraded, s.Reason, s.Scrub)
	}
	restore()
	r.until("flushes succeed", func() bool { return r.flush() == 0 })
	if !r.both(first, 16) || !r.both(first+100, 5) {
		t.Error("pages have one copy after a flush that succeeded")
	}
	r.until("the device is well", func() bool { s := r.engine.report(); return s.BackingOK && !s.Degraded })
	if s := r.engine.report().Scrub; s.Backed < 21 || s.Lacking != 0 {
		t.Errorf("%+v", s)
	}
	r.donors[0].kill()
	r.read(0, first, 7, 16)
	r.read(0, first+100, 7, 5)
}

// TestBackingFileIsTriedAgain: no page lacks its backing copy, and nobody writes.
func TestBackingFileIsTriedAgain(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.Ack = Strict }})
	first, _ := r.engine.pages.Geometry().PageRange(2)
	restore := r.full()
	if res := r.queue(0).do(ublk.OpWrite, first*testPage, content(first, 1, 1), testPage); res != -5 {
		t.Fatalf("a write that got one copy: %d, want -EIO", res)
	}
	if s := r.engine.report(); s.BackingOK || s.Scrub.Lacking != 0 {
		t.Errorf("backing ok %v, %+v", s.BackingOK, s.Scrub)
	}
	restore()
	r.until("the device is well", func() bool { s := r.engine.report(); return s.BackingOK && !s.Degraded })
}

// TestPagesOfALostDonorAreWarmed: they get their second copy back at the next donor.
func TestPagesOfALostDonorAreWarmed(t *testing.T) {
	r := newRig(t, rigOptions{donors: 2})
	r.heat(0)
	for page := int64(0); page < 480; page += 16 {
		r.write(0, page, 3, 16)
	}
	if res := r.flush(); res != 0 {
		t.Fatal(res)
	}
	r.donors[r.engine.pages.Slab(0).Donor].kill()
	r.until("the pages have both copies", func() bool {
		r.read(0, 1000, 0, 1) // zeros; the slab stays hot
		r.heat(0)
		return r.both(16, 464)
	})
	for page := int64(16); page < 480; page += 16 {
		r.read(0, page, 3, 16)
	}
	if s := r.engine.report(); s.Scrub.Warmed < 464 || s.IO.Corrupt != 0 {
		t.Errorf("%+v %+v", s.Scrub, s.IO)
	}
}

// TestLackingPagesComeFirst: a page that the backing file lacks does not wait until all pages of a hot slab are at
// their donor. That takes long where the donor is slow.
func TestLackingPagesComeFirst(t *testing.T) {
	connects, connected := make(chan struct{}), sync.Once{}
	device := &placed{connect: func() { connected.Do(func() { close(connects) }) }}
	r := newRig(t, rigOptions{donors: 1, wrap: func(d verbs.Device) verbs.Device {
		device.Device, device.faulty = d, faulty.Wrap(d, faulty.Plan{Delay: 1, DelayMax: 200 * time.Millisecond})
		return device
	}})
	const pages = 480
	lacking, _ := r.engine.pages.Geometry().PageRange(2)
	r.heat(0, 2)
	for page := int64(0); page < pages; page += 16 {
		r.write(0, page, 3, 16)
	}
	if res := r.flush(); res != 0 {
		t.Fatal(res)
	}
	for page := range int64(pages) {
		if !r.engine.pages.Void(page, r.engine.pages.Look(page), slabmap.Remote) {
			t.Fatalf("page %d is in use", page)
		}
	}
	<-connects // it warms, and no page was lacking when that began
	restore := r.full()
	r.write(0, lacking, 7, 16)
	restore()
	r.until("the page has both copies", func() bool {
		r.read(0, 1000, 0, 1) // zeros; the slab stays hot
		return r.both(lacking, 16)
	})
	if warmed := r.engine.report().Scrub.Warmed; warmed > pages/2 {
		t.Errorf("%d pages were warmed before", warmed)
	}
}

// spoilRemote overwrites a page in the memory of a lender.
func (l *lender) spoilRemote(page int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.sessions {
		mem := b.slabs[0].mem
		clear(mem[page*testPage : (page+1)*testPage])
	}
}

// TestBadCopiesAreMended: a bad copy is found once, wherever it is.
func TestBadCopiesAreMended(t *testing.T) {
	l := startLender(t, "tcp")
	r := newRig(t, rigOptions{prepare: func(c *Config) { c.Donors = []string{l.address()} }})
	r.heat(0)
	r.write(0, 0, 5, 16)
	if res := r.flush(); res != 0 {
		t.Fatal(res)
	}
	l.spoilRemote(3)
	r.read(0, 3, 5, 1)
	r.until("the donor's copy is mended", func() bool { return r.engine.report().Scrub.Mended == 1 })
	corrupt := r.engine.report().IO.Corrupt
	r.read(0, 3, 5, 1)
	if s := r.engine.report(); corrupt == 0 || s.IO.Corrupt != corrupt || !r.both(3, 1) {
		t.Errorf("%d, then %d corrupt", corrupt, s.IO.Corrupt)
	}
	r.spoil(7, 1)
	r.engine.shared.Notes.Corrupt(7, slabmap.Backing, 0)
	r.engine.shared.Notes.Corrupt(8, slabmap.Backing, 0) // it is not
	r.until("the backing file's copy is mended", func() bool { return r.engine.report().Scrub.Mended == 2 })
	if res := r.flush(); res != 0 {
		t.Fatal(res)
	}
	l.hangUp()
	r.until("the donor is lost", func() bool { return r.engine.report().IO.Failovers > 0 })
	r.read(0, 0, 5, 16)
}

// placed is a device whose connections of the scrubber have faults.
type placed struct {
	verbs.Device
	faulty  *faulty.Device
	connect func() // before each of them
}

func (d *placed) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	if cfg.Place == scrubber.Place {
		d.connect()
		return d.faulty.Connect(ctx, address, cred, cfg)
	}
	return d.Device.Connect(ctx, address, cred, cfg)
}

// TestScrubberRaisesTheBarrier: while a WRITE of the scrubber may still be carried out,
// nobody else writes; a new connection, which fences the old one, ends that.
func TestScrubberRaisesTheBarrier(t *testing.T) {
	var r *rig
	var up []bool // as the scrubber connected
	device := &placed{connect: func() { up = append(up, r.engine.shared.Barrier.Up(0)) }}
	r = newRig(t, rigOptions{donors: 1, wrap: func(d verbs.Device) verbs.Device {
		device.Device, device.faulty = d, faulty.Wrap(d, faulty.Plan{Fail: 1})
		return device
	}})
	r.heat(0)
	r.write(0, 0, 4, 16)
	if res := r.flush(); res != 0 {
		t.Fatal(res)
	}
	if !r.engine.pages.Void(3, r.engine.pages.Look(3), slabmap.Remote) {
		t.Fatal("page 3 is in use")
	}
	r.until("a copy fails", func() bool { return r.engine.report().Scrub.Failed > 0 })
	device.faulty.SetPlan(faulty.Plan{})
	r.until("the page has both copies", func() bool { return r.both(3, 1) })
	if r.engine.shared.Barrier.Up(0) {
		t.Error("the barrier stays up")
	}
	r.engine.scrubbing.end()
	if len(up) < 2 || up[0] || !up[1] {
		t.Errorf("barrier up at each connect: %v", up)
	}
}
