package ublktest

import (
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/ublk"
)

// testEveryTag keeps a request under way on each tag of each queue.
func testEveryTag(t *testing.T, c Config) {
	target, spec := c.Open(t)
	d := Open(t, target, spec)
	spec = d.Spec()
	blocks := spec.Size / int64(spec.BlockSize)
	var all sync.WaitGroup
	for i, q := range d.Queues() {
		for tag := range spec.Depth {
			all.Go(func() {
				r := ublk.Desc{Op: ublk.OpRead, Length: spec.BlockSize, Offset: int64(i*spec.Depth+tag) % blocks * int64(spec.BlockSize)}
				if err := result(r, q.Do(r, make([]byte, r.Length))); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
}

// Bench is a simulated queue that the calling goroutine drives itself: for
// benchmarks, and for counting what a request allocates.
type Bench struct {
	sim    *ublk.SimulatedQueue
	left   int   // requests under way
	res    int32 // the worst result of the batch
	closed bool
}

// OpenBench opens queue 0 of a device on the calling goroutine's thread, which stays
// locked until the test ends.
func OpenBench(t testing.TB, target ublk.Target, spec ublk.Spec) *Bench {
	t.Helper()
	runtime.LockOSThread()
	b := &Bench{}
	sim, err := ublk.SimulateQueue(target, spec, 0, b.answered)
	if err != nil {
		t.Fatal(err)
	}
	b.sim = sim
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return b
}

// Close closes the queue, before the end of the test if need be, and returns what the
// target has done wrong: see ublk.SimulatedQueue.Close. Closing twice is allowed.
func (b *Bench) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	return b.sim.Close()
}

// Queue is what the target sees.
func (b *Bench) Queue() *ublk.Queue { return b.sim.Queue() }

func (b *Bench) answered(_ int, res int32) {
	b.left--
	b.res = min(b.res, res)
}

// Batch makes n requests, one for each of the first n tags: the first is d, and the
// others follow it on the device. It waits until all are answered and returns the
// smallest result. It allocates nothing, and leaves the buffers as they are.
func (b *Bench) Batch(d ublk.Desc, n int) (int32, error) {
	b.left, b.res = n, int32(d.Length)
	for tag := range n {
		b.sim.Request(tag, d)
		d.Offset += int64(d.Length)
	}
	return b.wait()
}

// Each makes requests, one for each of the first tags, in one pass of the loop. It waits until
// all are answered and returns the smallest result.
func (b *Bench) Each(requests ...ublk.Desc) (int32, error) {
	b.left, b.res = len(requests), math.MaxInt32
	for tag, d := range requests {
		b.sim.Request(tag, d)
	}
	return b.wait()
}

func (b *Bench) wait() (int32, error) {
	for b.left > 0 {
		if err := b.sim.Queue().Loop().Pass(time.Second); err != nil {
			return 0, err
		}
	}
	return b.res, nil
}

// testAllocations counts what requests allocate.
func testAllocations(t *testing.T, c Config) {
	target, spec := c.Open(t)
	b := OpenBench(t, target, spec)
	spec = spec.WithDefaults()
	n := min(b.Queue().Depth(), int(spec.Size/int64(spec.BlockSize)))
	ops := []ublk.Op{ublk.OpRead, ublk.OpWrite}
	if spec.WriteCache {
		ops = append(ops, ublk.OpFlush)
	}
	if spec.MaxDiscard > 0 {
		ops = append(ops, ublk.OpDiscard, ublk.OpWriteZeroes)
	}
	runs := max(1, c.requests()/n)
	for _, op := range ops {
		allocs := allocations(runs, func() {
			if res, err := b.Batch(ublk.Desc{Op: op, Length: spec.BlockSize}, n); err != nil || res < 0 {
				t.Fatalf("%v: result %d, %v", op, res, err)
			}
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations in %d requests", op, allocs, n)
		}
	}
}

// allocations is the average number of heap allocations in a call of f, rounded down,
// because something else in the process may allocate now and then. It leaves
// GOMAXPROCS alone, unlike testing.AllocsPerRun: a loop with KeepProc needs its own.
func allocations(runs int, f func()) uint64 {
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / uint64(runs)
}
