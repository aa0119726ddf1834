package uring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

func newTestRing(t *testing.T, cfg Config) *Ring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// run submits what is prepared and returns n completions by user_data.
func run(t *testing.T, r *Ring, n int) map[uint64]CQE {
	t.Helper()
	got := map[uint64]CQE{}
	for deadline := time.Now().Add(10 * time.Second); len(got) < n; {
		if err := r.SubmitAndWait(1, time.Second); err != nil {
			t.Fatal(err)
		}
		for {
			c, ok := r.Next()
			if !ok {
				break
			}
			got[c.UserData] = c
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d completions of %d", len(got), n)
		}
	}
	return got
}

func buffer(t *testing.T, size int) []byte {
	t.Helper()
	mem, err := offheap.Map(size, offheap.Options{Populate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = offheap.Unmap(mem) })
	return mem
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{}, {Entries: 40000}, {Entries: 8, CQEntries: 4}} {
		if r, err := New(cfg); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%+v: ring %v, error %v", cfg, r, err)
		}
	}
}

func TestNopsWrapTheRing(t *testing.T) {
	for _, wide := range []bool{false, true} {
		r := newTestRing(t, Config{Entries: 4, SQE128: wide})
		for round := range uint64(10) {
			for i := range uint64(4) {
				sqe := r.SQE()
				if sqe == nil {
					t.Fatalf("round %d: no slot %d", round, i)
				}
				sqe.Nop()
				sqe.SetUserData(round<<8 | i)
			}
			if r.SQE() != nil {
				t.Fatal("a fifth slot in a ring of four")
			}
			for u, c := range run(t, r, 4) {
				if u>>8 != round || c.Res != 0 {
					t.Fatalf("round %d: %+v", round, c)
				}
			}
		}
	}
}

func TestFallbackOfSetupFlags(t *testing.T) {
	saved := setupFlags
	t.Cleanup(func() { setupFlags = saved })
	for i := range saved {
		// A flag that no kernel knows goes first, so that each row is reached.
		setupFlags = append([]uint32{1 << 31}, saved[i:]...)
		r := newTestRing(t, Config{Entries: 4, CQEntries: 16})
		r.SQE().Nop()
		run(t, r, 1)
		if r.flags&saved[i] != saved[i] {
			t.Errorf("row %d: flags %#x, want %#x", i, r.flags, saved[i])
		}
	}
}

func TestWaitEndsInTime(t *testing.T) {
	r := newTestRing(t, Config{Entries: 4})
	begun := time.Now()
	for waits := 0; time.Since(begun) < 20*time.Millisecond; waits++ {
		if waits == 100 { // a signal of the runtime may end a few
			t.Fatal("100 waits in less than the time of one")
		}
		if err := r.SubmitAndWait(1, 20*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if c, ok := r.Next(); ok {
		t.Errorf("completion %+v from nowhere", c)
	}
}

func TestFileOperations(t *testing.T) {
	r := newTestRing(t, Config{Entries: 16})
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int32(f.Fd())
	mem := buffer(t, 4*4096)
	if err := r.RegisterBuffers([]unix.Iovec{{Base: &mem[0], Len: uint64(len(mem))}}); err != nil {
		t.Fatal(err)
	}
	if err := r.RegisterFiles([]int32{-1, -1}); err != nil {
		t.Fatal(err)
	}
	if err := r.UpdateFile(1, fd); err != nil {
		t.Fatal(err)
	}
	page := func(i int) []byte { return mem[i*4096 : (i+1)*4096] }
	copy(page(0), bytes.Repeat([]byte("farswap!"), 512))

	steps := []struct {
		name string
		prep func(*SQE)
		want int32
	}{
		{"write", func(s *SQE) { s.Write(fd, offheap.Pointer(page(0)), 4096, 0) }, 4096},
		{"write fixed", func(s *SQE) { s.WriteFixed(fd, offheap.Pointer(page(0)), 4096, 4096, 0) }, 4096},
		{"read", func(s *SQE) { s.Read(fd, offheap.Pointer(page(1)), 4096, 4096) }, 4096},
		{"read fixed, fixed file", func(s *SQE) {
			s.ReadFixed(1, offheap.Pointer(page(2)), 4096, 0, 0)
			s.Flags |= FixedFile
		}, 4096},
		{"fsync", func(s *SQE) { s.Fsync(fd, true) }, 0},
		{"fallocate", func(s *SQE) { s.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096) }, 0},
		{"read hole", func(s *SQE) { s.Read(fd, offheap.Pointer(page(3)), 4096, 0) }, 4096},
		{"fixed buffer out of range", func(s *SQE) { s.ReadFixed(fd, offheap.Pointer(mem[:1]), uint32(len(mem)+1), 0, 0) }, -int32(unix.EFAULT)},
	}
	for i, step := range steps {
		sqe := r.SQE()
		step.prep(sqe)
		sqe.SetUserData(uint64(i))
		if c := run(t, r, 1)[uint64(i)]; c.Res != step.want {
			t.Fatalf("%s: %d, want %d", step.name, c.Res, step.want)
		}
	}
	if !bytes.Equal(page(1), page(0)) || !bytes.Equal(page(2), page(0)) {
		t.Error("read bytes differ from written ones")
	}
	if !bytes.Equal(page(3), make([]byte, 4096)) {
		t.Error("a hole is not zeros")
	}
}

func TestVectors(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem := buffer(t, 64)
	copy(mem, "abcdefgh")
	iov, free, err := offheap.New[unix.Iovec](4)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	iov[0] = unix.Iovec{Base: &mem[4], Len: 4}
	iov[1] = unix.Iovec{Base: &mem[0], Len: 4}
	iov[2] = unix.Iovec{Base: &mem[32], Len: 3}
	iov[3] = unix.Iovec{Base: &mem[48], Len: 5}
	r.SQE().Writev(int32(f.Fd()), &iov[0], 2, 0)
	if c := run(t, r, 1)[0]; c.Res != 8 {
		t.Fatalf("writev: %d", c.Res)
	}
	r.SQE().Readv(int32(f.Fd()), &iov[2], 2, 0)
	if c := run(t, r, 1)[0]; c.Res != 8 {
		t.Fatalf("readv: %d", c.Res)
	}
	if got := string(mem[32:35]) + string(mem[48:53]); got != "efghabcd" {
		t.Errorf("got %q", got)
	}
}

func TestTimeoutLinkAndCancel(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	mem := buffer(t, 64)
	ts, free, err := offheap.New[Timespec](2)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ts[0] = Timespec{Nsec: int64(time.Millisecond)}
	ts[1] = Timespec{Sec: 3600}

	prepare := func(u uint64) *SQE {
		sqe := r.SQE()
		sqe.SetUserData(u)
		return sqe
	}
	expect := func(want map[uint64]unix.Errno) {
		t.Helper()
		for u, c := range run(t, r, len(want)) {
			if unix.Errno(-c.Res) != want[u] {
				t.Errorf("operation %d: %d, want -%d", u, c.Res, want[u])
			}
		}
	}
	prepare(1).Timeout(&ts[0], 0, 0)
	expect(map[uint64]unix.Errno{1: unix.ETIME})

	linked := prepare(2)
	linked.Recv(int32(pair[0]), offheap.Pointer(mem), 64, 0)
	linked.Flags |= Link
	prepare(3).LinkTimeout(&ts[0])
	expect(map[uint64]unix.Errno{2: unix.ECANCELED, 3: unix.ETIME})

	prepare(4).Recv(int32(pair[0]), offheap.Pointer(mem), 64, 0)
	prepare(5).Cancel(4, 0)
	expect(map[uint64]unix.Errno{4: unix.ECANCELED, 5: 0})

	prepare(6).Timeout(&ts[1], 0, 0)
	prepare(7).TimeoutRemove(6)
	expect(map[uint64]unix.Errno{6: unix.ECANCELED, 7: 0})

	prepare(8).PollAdd(int32(pair[0]), unix.POLLIN, false)
	prepare(9).PollRemove(8)
	expect(map[uint64]unix.Errno{8: unix.ECANCELED, 9: 0})
}

func TestCloseLeavesNoFile(t *testing.T) {
	before := openFiles(t)
	for range 8 {
		runtime.LockOSThread()
		l, err := NewLoop(Config{Entries: 8})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := l.Pass(0); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Fatal(err)
		}
		if l.ring.Submit() != ErrClosed || l.Post(func() {}) {
			t.Error("a closed loop takes work")
		}
		runtime.UnlockOSThread()
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files open, were %d", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
