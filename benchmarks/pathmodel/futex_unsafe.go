package pathmodel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations of futex(2), linux/futex.h. They are not the private ones, because the word may be
// in memory that processes share; both models pay for that alike.
const (
	futexWaitOp = 0
	futexWakeOp = 1
)

// futexWait waits until somebody wakes the word's waiters. It returns at once if the word is
// not now any more, and may return for no reason.
func futexWait(w *uint32, now uint32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), futexWaitOp, uintptr(now), 0, 0, 0)
}

// futexWake wakes one thread that waits at the word.
func futexWake(w *uint32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), futexWakeOp, 1, 0, 0, 0)
}

// pointer is the word's address, for an SQE. The word is in shared memory, which does not move.
func pointer(w *uint32) unsafe.Pointer { return unsafe.Pointer(w) }
