package swapdev

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
)

// cost is what a process has that grows if something is left behind.
type cost struct {
	Goroutines, Files int
	Heap              int64 // bytes in use by what can be reached
	Mapped            int64 // bytes off the heap
	Resident          int64 // bytes; it tells, and is not compared: the kernel and the runtime take and give it as they like
}

// heapSlack is how much a heap may differ for other reasons than its process's age, in bytes.
const heapSlack = 2 << 20

// costNow is what this process has.
func costNow() (c cost, err error) {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return c, err
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c = cost{Goroutines: runtime.NumGoroutine(), Files: len(files), Heap: int64(m.HeapAlloc)}
	for _, m := range offheap.Mappings() {
		c.Mapped += int64(m.End - m.Start)
	}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return c, err
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	_, err = fmt.Sscan(after, &c.Resident)
	c.Resident <<= 10 // of KiB
	return c, err
}

// above reports whether a process has more than another one, or than it had.
func (c cost) above(start cost) bool {
	return c.Goroutines > start.Goroutines || c.Files > start.Files || c.Mapped > start.Mapped || c.Heap > start.Heap+heapSlack
}

// mayMove adds what a server gets for the first page that its mover and its scrubber move: each connects to donors, and
// starts a thread with a ring, a page for that, and buffers.
func (c *cost) mayMove(donors int) {
	const moves, scrubs, ofRing = 2 << 20, 2 * 16 * slabmap.PageSize, 4 << 10
	c.Goroutines += 2
	c.Files += 2 * (2 + donors)
	c.Mapped += moves + scrubs + 2*ofRing
}

func (c cost) String() string {
	const mib = 1 << 20
	return fmt.Sprintf("%d goroutines, %d files, heap %.1f MiB, mapped %.1f MiB, resident %.1f MiB",
		c.Goroutines, c.Files, float64(c.Heap)/mib, float64(c.Mapped)/mib, float64(c.Resident)/mib)
}
