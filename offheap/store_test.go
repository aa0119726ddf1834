package offheap

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := NewStore("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// again is the store as another process has it: by a descriptor of its own.
func again(t *testing.T, s *Store) *Store {
	t.Helper()
	fd, err := unix.FcntlInt(s.File().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenStore(os.NewFile(uintptr(fd), "again"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	return other
}

// TestStorePassesMemoryOn: what one has mapped another maps at the same offset, with its content, and keeps it
// when the first has left.
func TestStorePassesMemoryOn(t *testing.T) {
	for _, opt := range []Options{{}, {Populate: true}, {Lock: true}, {Huge: true, Populate: true}} {
		s := newStore(t)
		const size = 3*4096 + 1
		var offsets []int64
		for n := range 3 {
			mem, err := s.Map(size, opt)
			if err != nil {
				t.Fatalf("%+v: %v", opt, err)
			}
			if len(mem) != size || bytes.Count(mem, []byte{0}) != size {
				t.Fatalf("%+v: %d bytes, not all zero", opt, len(mem))
			}
			for i := range mem {
				mem[i] = byte(n + 1)
			}
			offset, ok := s.Offset(mem)
			if !ok {
				t.Fatal("it has no offset")
			}
			offsets = append(offsets, offset)
			if n == 1 {
				err = s.Unmap(mem)
			} else {
				err = s.Leave(mem)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		other := again(t, s)
		for n, offset := range offsets {
			mem, err := other.MapAt(offset, size, opt)
			if err != nil {
				t.Fatal(err)
			}
			want := byte(n + 1)
			if n == 1 {
				want = 0 // it was given back
			}
			if bytes.Count(mem, []byte{want}) != size {
				t.Errorf("%+v: area %d is not filled with %d", opt, n, want)
			}
			if err := other.Unmap(mem); err != nil {
				t.Error(err)
			}
		}
		var info unix.Stat_t
		if err := unix.Fstat(int(s.File().Fd()), &info); err != nil || info.Blocks != 0 {
			t.Errorf("%+v: %d blocks are left of memory that was given back (%v)", opt, info.Blocks, err)
		}
	}
}

func TestStoreRefuses(t *testing.T) {
	s := newStore(t)
	mem, err := s.Map(4096, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		offset int64
		size   int
	}{{0, 0}, {0, -1}, {-storeAlign, 4096}, {4096, 4096}, {storeAlign, 4096}, {0, 2 * storeAlign}} {
		if _, err := s.MapAt(c.offset, c.size, Options{}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%d bytes at %d: %v", c.size, c.offset, err)
		}
	}
	if _, err := s.Map(0, Options{}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("no bytes: %v", err)
	}
	foreign, err := Map(4096, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Unmap(foreign); !errors.Is(err, unix.EINVAL) {
		t.Errorf("foreign memory: %v", err)
	}
	if err := unix.Ftruncate(int(s.File().Fd()), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("the file can be made shorter under those who use it: %v", err)
	}
	for _, err := range []error{Unmap(foreign), s.Unmap(mem)} {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestStoreGrowsElsewhere: what one process has added after the other has opened the file can be mapped there,
// and is not given out again.
func TestStoreGrowsElsewhere(t *testing.T) {
	s := newStore(t)
	other := again(t, s)
	mem, err := s.Map(4096, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mem[0] = 7
	offset, _ := s.Offset(mem)
	same, err := other.MapAt(offset, 4096, Options{})
	if err != nil || same[0] != 7 {
		t.Fatalf("%v", err)
	}
	if _, err := s.Map(4096, Options{}); err != nil {
		t.Fatal(err)
	}
	fresh, err := other.Map(4096, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if at, _ := other.Offset(fresh); at != 2*storeAlign {
		t.Errorf("memory at %d, where another process has some", at)
	}
}
