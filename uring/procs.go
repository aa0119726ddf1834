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
// A busy loop's thread keeps its P while it waits in the kernel (see sysEnter);
// the other goroutines need theirs.
func addProcs(n int) {
	extraProcs.Lock()
	defer extraProcs.Unlock()
	if extraProcs.loops == 0 {
		extraProcs.base = runtime.GOMAXPROCS(0)
	}
	extraProcs.loops += n
	runtime.GOMAXPROCS(extraProcs.base + extraProcs.loops)
}
