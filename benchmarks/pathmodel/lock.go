package pathmodel

import "sync/atomic"

// lock is a mutex of threads. One of package sync would park goroutines, and hand threads that
// are locked to one from hand to hand; the lock of the kernel's client does neither.
type lock struct{ state uint32 }

const (
	lockFree   = 0
	lockHeld   = 1
	lockWanted = 2 // held, and somebody waits
)

func (l *lock) lock() {
	if atomic.CompareAndSwapUint32(&l.state, lockFree, lockHeld) {
		return
	}
	for atomic.SwapUint32(&l.state, lockWanted) != lockFree {
		futexWait(&l.state, lockWanted)
	}
}

func (l *lock) unlock() {
	if atomic.SwapUint32(&l.state, lockFree) == lockWanted {
		futexWake(&l.state)
	}
}
