// Package allocs counts allocations for tests of the data path.
package allocs

import "runtime"

// PerRun is the number of heap allocations of the whole process per call of f,
// rounded down, over runs calls after one to warm up.
//
// testing.AllocsPerRun is the same with GOMAXPROCS 1, and is no good where loops
// take part: a loop keeps its P while it waits, so with a single one they get it
// in turns of 10 ms.
func PerRun(runs int, f func()) uint64 {
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / uint64(runs)
}
