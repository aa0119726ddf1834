package donor

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/offheap"
)

// lockedBytes is the locked memory of this process in bytes, from /proc.
func lockedBytes(t *testing.T) int64 {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmLck:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmLck in /proc/self/status")
	return 0
}

func TestLentMemoryIsLocked(t *testing.T) {
	before := lockedBytes(t)
	cfg := testConfig()
	// Two slabs fit the limit of 8 MiB that unprivileged processes have.
	cfg.Memory, cfg.Ahead = 2*slabSize, -1
	d := lend(t, cfg)
	s := dial(t, d, dialConfig(control.NewUUID()))
	mapSlab(t, s, 1, false)
	if got := lockedBytes(t) - before; got < slabSize {
		t.Errorf("%d bytes locked of %d", got, slabSize)
	}
	if err := s.Unmap(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := lockedBytes(t) - before; got != 0 {
		t.Errorf("%d bytes locked after unmap", got)
	}
}

// TestLockLimit opens and resizes donors as a process with a small RLIMIT_MEMLOCK
// and without CAP_IPC_LOCK would. It drops the capability from one thread, which ends with its
// goroutine.
func TestLockLimit(t *testing.T) {
	checkFDs(t)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	small := unix.Rlimit{Cur: min(old.Max, 8<<20), Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &small); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
			t.Error(err)
		}
	}()
	opened, resized := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked
		if err := dropLockCapability(); err != nil {
			opened <- err
			resized <- err
			return
		}
		d, err := Open(testConfig()) // 32 MiB
		if err == nil {
			err = d.Close()
		}
		opened <- err
		cfg := testConfig()
		cfg.Memory = slabSize
		if d, err = Open(cfg); err != nil {
			resized <- err
			return
		}
		err = d.Resize(8*slabSize, HeadRoom{})
		if total := d.Status().Memory.Total; total != slabSize {
			err = fmt.Errorf("a refused resize has the donor lend %d bytes: %w", total, err)
		}
		resized <- errors.Join(err, d.Close())
	}()
	for what, err := range map[string]error{"open": <-opened, "resize": <-resized} {
		if !errors.Is(err, offheap.ErrLocked) || !strings.HasPrefix(err.Error(), "lend ") || !strings.Contains(err.Error(), "RLIMIT_MEMLOCK") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s beyond the limit: %v", what, err)
		}
	}
}

// dropLockCapability takes CAP_IPC_LOCK from the thread.
func dropLockCapability() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&hdr, &caps[0]); err != nil {
		return err
	}
	caps[0].Effective &^= 1 << unix.CAP_IPC_LOCK
	return unix.Capset(&hdr, &caps[0])
}

// TestMayLock: mayLock allows exactly what mlock allows, with and without CAP_IPC_LOCK.
func TestMayLock(t *testing.T) {
	const n = 64 << 20
	mem, err := offheap.Map(n, offheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = offheap.Unmap(mem) }()
	can := unix.Mlock(mem)
	if err := mayLock(n); (err == nil) != (can == nil) {
		t.Errorf("mayLock says %v, mlock %v", err, can)
	} else if err != nil && !errors.Is(err, offheap.ErrLocked) {
		t.Errorf("%v does not say that locking failed", err)
	}
}
