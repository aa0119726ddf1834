package uring

import (
	"runtime"
	"sync"
)

// extraProcs counts the open loops with Config.KeepProc. The runtime has one P
// more for each of them.
var extraProcs struct {
	sync.Mutex     // guards loops and base
	loops      int // open
	base       int // GOMAXPROCS without them
}

// addProcs changes the number of loops by n (1 or -1) and GOMAXPROCS with it.
//
// A busy loop's thread keeps its P while it waits in the kernel (see sysEnter).
// The other goroutines need a P of their own.
func addProcs(n int) {
	extraProcs.Lock()
	defer extraProcs.Unlock()
	if extraProcs.loops == 0 {
		extraProcs.base = runtime.GOMAXPROCS(0)
	}
	extraProcs.loops += n
	runtime.GOMAXPROCS(extraProcs.base + extraProcs.loops)
}
