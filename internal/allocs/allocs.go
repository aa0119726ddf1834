// Package allocs counts allocations for tests of the data path.
package allocs

import "runtime"

// PerRun calls f once to warm up and then runs times. It returns the heap
// allocations of the whole process per call, rounded down.
//
// testing.AllocsPerRun does the same with GOMAXPROCS 1. It does not suit tests with
// several loops: a loop keeps its P while it waits, so loops that share a single P
// get it in turns of 10 ms.
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
