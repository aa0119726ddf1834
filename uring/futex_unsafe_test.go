package uring

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// TestFutexWakeEndsAWait: a thread that waits in futex(2) goes on, and the completion counts it.
func TestFutexWakeEndsAWait(t *testing.T) {
	r := newTestRing(t, Config{Entries: 4})
	words, free, err := offheap.New[uint32](1)
	if err != nil {
		t.Fatal(err)
	}
	word := &words[0]
	ended := make(chan error, 1)
	go func() {
		for atomic.LoadUint32(word) == 0 {
			const futexWait = 0 // linux/futex.h
			_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, 0, 0, 0, 0)
			if errno != 0 && !errors.Is(errno, unix.EINTR) && !errors.Is(errno, unix.EAGAIN) {
				ended <- errno
				return
			}
		}
		ended <- nil
	}()
	// The thread may not wait yet: then nobody is woken, and the word still says to wait.
	for woken, deadline := int32(0), time.Now().Add(time.Minute); woken == 0; {
		r.SQE().FutexWake(unsafe.Pointer(word), 1)
		if woken = run(t, r, 1)[0].Res; woken < 0 || time.Now().After(deadline) {
			t.Fatalf("woke %d", woken)
		}
		if woken == 1 {
			atomic.StoreUint32(word, 1)
		}
	}
	// It may have looked at the word before it changed, and wait again.
	for deadline := time.Now().Add(time.Minute); ; {
		select {
		case err := <-ended:
			if err := errors.Join(err, free()); err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
		r.SQE().FutexWake(unsafe.Pointer(word), 1)
		if c := run(t, r, 1)[0]; c.Res < 0 || time.Now().After(deadline) {
			t.Fatalf("woke %d", c.Res)
		}
	}
}
