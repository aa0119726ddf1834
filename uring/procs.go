package uring

import (
	"runtime"
	"sync"
)

// extraProcs is the number of open loops, for each of which the runtime has
// one P more.
var extraProcs struct {
	sync.Mutex
	loops int
	base  int // GOMAXPROCS without them
}

// addProcs changes the number of loops by n (1 or -1) and GOMAXPROCS with it.
//
// A loop's thread waits in the kernel most of the time and keeps its P there,
// ready for its return. That lasts only while the runtime has another P to spare:
// without one, its monitor takes the P away from every wait longer than 20 µs,
// which costs it a wake-up each time, and the loop's thread a futex or two to
// get a P back.
func addProcs(n int) {
	extraProcs.Lock()
	defer extraProcs.Unlock()
	if extraProcs.loops == 0 {
		extraProcs.base = runtime.GOMAXPROCS(0)
	}
	extraProcs.loops += n
	runtime.GOMAXPROCS(extraProcs.base + extraProcs.loops)
}
