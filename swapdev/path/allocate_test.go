package path

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// allocated is how many bytes a file takes on its disk.
func allocated(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func TestSparseBackingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backing")
	c := BackingConfig{Path: path, Size: 1 << 40, Sparse: true, Progress: func(int64, int64) { t.Error("progress of nothing") }}
	b, err := OpenBacking(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if n := allocated(t, path); n != 0 {
		t.Errorf("%d bytes are allocated", n)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	c.Sparse = false
	if b, err = OpenBacking(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if n := allocated(t, path); n != 0 {
		t.Errorf("%d bytes of a file that was there are allocated", n)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestFullDiskIsMetAtTheStart: a file that its disk has no room for is not made.
func TestFullDiskIsMetAtTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backing")
	if _, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: 1 << 52}); !errors.Is(err, ErrFull) || !errors.Is(err, ErrBacking) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT} { // somebody else was faster
		if err := refused(errno, 3<<20, 1<<20); !errors.Is(err, ErrFull) || err.Error() != "it needs 3M, and 2M of that are missing: its file system is full" {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

// TestAllocationIsCancelled: a signal ends an allocation, and takes the file away.
func TestAllocationIsCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backing")
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	c := BackingConfig{Path: path, Size: 1 << 20, Progress: func(int64, int64) { t.Error("it goes on") }}
	if _, err := OpenBacking(ctx, c); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
}

// TestFillWithoutAllocation is for file systems that cannot allocate.
func TestFillWithoutAllocation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backing")
	b, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: 5<<20 + 4096, Sparse: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told []int64
	c := BackingConfig{Size: 5<<20 + 4096, Progress: func(done, total int64) {
		told = append(told, done)
		if total != 5<<20+4096 {
			t.Errorf("of %d", total)
		}
	}}
	if err := b.fill(ctx, &c); err != nil {
		t.Fatal(err)
	}
	if n := allocated(t, path); n < c.Size || len(told) != 6 || told[5] != c.Size {
		t.Errorf("%d bytes are allocated; told %v", n, told)
	}
	c.Progress = func(done, _ int64) { cancel() }
	if err := b.fill(ctx, &c); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
