package swapdev

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/ublk"
)

// badDisk makes the backing file fail, or makes it slow. It puts another file where the
// queues, the scrubber and the mover find the backing file. What is under way meanwhile goes
// on with the file that it began with.
type badDisk struct {
	r    *rig
	good *os.File // the backing file itself

	mu     sync.Mutex    // guards queues while they open
	queues []*ublk.Queue // of the device

	fails spell // some I/O fails
	lacks spell // pages may lack their copy in the file: from a failure until the scrubber has brought them there
}

// spell is when something is so. Its methods may be called from any goroutine.
type spell struct {
	mu    sync.Mutex // guards what follows
	is    bool
	ended time.Time
}

func (s *spell) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.is = true
}

func (s *spell) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.is, s.ended = false, time.Now()
}

// since reports whether it was so at some time after began.
func (s *spell) since(began time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is || s.ended.After(began)
}

// keepQueue remembers a queue of the device.
func (d *badDisk) keepQueue(q *ublk.Queue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queues = append(d.queues, q)
}

// open keeps the backing file, before anybody uses it.
func (d *badDisk) open(file *path.BackingFile) {
	fd, err := unix.FcntlInt(uintptr(file.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		d.r.t.Fatal(err)
	}
	d.good = os.NewFile(uintptr(fd), "backing file")
	d.r.t.Cleanup(func() { _ = d.good.Close() })
}

// put has f used in the place of the backing file.
func (d *badDisk) put(f *os.File) {
	d.r.t.Helper()
	fd := int(f.Fd())
	err := unix.Dup3(fd, int(d.r.local.FD()), unix.O_CLOEXEC)
	done := make(chan error, len(d.queues))
	for _, q := range d.queues {
		q.Loop().Post(func() { done <- q.RegisterFile(ublk.FirstFileSlot, int32(fd)) })
	}
	for range d.queues {
		err = errors.Join(err, <-done)
	}
	if err != nil {
		d.r.t.Fatalf("put %s in the place of the backing file: %v", f.Name(), err)
	}
}

// failWith has f used for a while.
func (d *badDisk) failWith(f *os.File, err error, while time.Duration) {
	d.r.t.Helper()
	if err != nil {
		d.r.t.Fatal(err)
	}
	d.fails.begin()
	d.lacks.begin()
	d.put(f)
	time.Sleep(while)
	d.put(d.good)
	if err := f.Close(); err != nil {
		d.r.t.Error(err)
	}
	d.fails.end()
}

// failWrites has writes refused, as on a full disk.
func (d *badDisk) failWrites(while time.Duration) {
	f, err := os.OpenFile(d.r.cfg.Backing, os.O_RDONLY|unix.O_DIRECT, 0)
	d.failWith(f, err, while)
}

// failReads has reads refused. What is written arrives.
func (d *badDisk) failReads(while time.Duration) {
	f, err := os.OpenFile(d.r.cfg.Backing, os.O_WRONLY|unix.O_DIRECT, 0)
	d.failWith(f, err, while)
}

// fail has reads and writes refused.
func (d *badDisk) fail(while time.Duration) {
	f, err := os.Open(d.r.t.TempDir())
	d.failWith(f, err, while)
}

// hang has reads and writes get no answer for a while, and then fail.
func (d *badDisk) hang(while time.Duration) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		d.r.t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(ends[0]), "hanging disk"), os.NewFile(uintptr(ends[1]), "end of the hanging disk")
	for { // what is written from here on waits
		if err := unix.Sendto(ends[0], make([]byte, testPage), unix.MSG_DONTWAIT, nil); err == unix.EAGAIN {
			break
		} else if err != nil {
			d.r.t.Fatal(err)
		}
	}
	time.AfterFunc(while, func() { _ = far.Close() })
	d.failWith(near, nil, while)
}

// beSlow has the disk busy with something else: whoever writes to a file keeps others away
// from it, so all of the device's I/O waits for a large write again and again.
func (d *badDisk) beSlow(while time.Duration) {
	f, err := os.OpenFile(d.r.cfg.Backing, os.O_WRONLY, 0)
	if err != nil {
		d.r.t.Fatal(err)
	}
	much := make([]byte, 32<<20)
	for end := time.Now().Add(while); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := f.WriteAt(much, d.r.cfg.Size+testPage); err != nil {
			d.r.t.Error(fmt.Errorf("keep the disk busy: %w", err))
			break
		}
	}
	if err := errors.Join(f.Truncate(d.r.cfg.Size), f.Close()); err != nil {
		d.r.t.Error(err)
	}
}
