package swapdev

import (
	"os/signal"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// full has the disk of the backing file full, behind its first MiB, until restore is called.
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
	set(unix.Rlimit{Cur: 1 << 20, Max: limit.Max})
	restore = sync.OnceFunc(func() { set(limit) })
	r.t.Cleanup(restore)
	return restore
}

// TestFullBackingFileWithRoomAtDonors: a write that the backing file refuses waits for a
// donor, also if its slab is not hot.
func TestFullBackingFileWithRoomAtDonors(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.HotThreshold = 1e9 }})
	r.full()
	first, _ := r.engine.pages.Geometry().PageRange(2)
	r.write(0, first-4, 7, 8) // in two slabs
	r.read(0, first-4, 7, 8)
	if s := r.engine.report(); s.IO.Errors != 0 || s.Pages.Remote != 8 {
		t.Errorf("%+v %+v", s.IO, s.Pages)
	}
}
