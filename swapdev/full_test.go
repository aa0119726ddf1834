package swapdev

import (
	"os/signal"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

// full makes every write to a file fail, as on a full disk, until restore is called. So the test
// program must not write files of its own: see TestMain.
func (r *rig) full() (restore func()) {
	r.t.Helper()
	signal.Ignore(unix.SIGXFSZ) // instead of an end of the process
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		r.t.Fatal(err)
	}
	set := func(l unix.Rlimit) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
			r.t.Error(err)
		}
	}
	set(unix.Rlimit{Max: limit.Max}) // not a byte, wherever
	restore = sync.OnceFunc(func() { set(limit) })
	r.t.Cleanup(restore)
	return restore
}

func (r *rig) flush() int32 { return r.queue(0).do(ublk.OpFlush, 0, nil, 0) }

// TestFlushIsAboutNow: a flush fails while the backing file lacks a page, and no longer.
func TestFlushIsAboutNow(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1})
	first, _ := r.engine.pages.Geometry().PageRange(2)
	r.heat(2)
	restore := r.full()
	r.write(0, first, 7, 16)
	if res := r.flush(); res != -5 {
		t.Errorf("flush of what the backing file has not: %d, want -EIO", res)
	}
	if s := r.engine.report(); s.BackingOK || !s.Degraded {
		t.Errorf("degraded %v %q", s.Degraded, s.Reason)
	}
	restore()
	r.write(0, first, 8, 16)
	if res := r.flush(); res != 0 {
		t.Errorf("flush of what the backing file has: %d", res)
	}
	if s := r.engine.report(); !s.BackingOK || s.Degraded {
		t.Errorf("degraded %v %q", s.Degraded, s.Reason)
	}
}

// TestFrozenBackingFileWithRoomAtDonors: a write that the backing file refuses waits for a
// donor, also if its slab is not hot.
func TestFrozenBackingFileWithRoomAtDonors(t *testing.T) {
	// Not by full: that would keep the donor from lending memory as well, which lies in a file without a name.
	r := newRig(t, rigOptions{donors: 1, frozen: true, prepare: func(c *Config) { c.HotThreshold = 1e9 }})
	first, _ := r.engine.pages.Geometry().PageRange(2)
	r.write(0, first-4, 7, 8) // in two slabs
	r.read(0, first-4, 7, 8)
	if s := r.engine.report(); s.IO.Errors != 0 || s.Pages.Remote != 8 {
		t.Errorf("%+v %+v", s.IO, s.Pages)
	}
}
