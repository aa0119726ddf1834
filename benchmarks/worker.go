package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// region is the memory under test.
type region struct {
	seed     uint64
	data     []uint64 // may be swapped out at any time
	versions []uint32 // of each page; in locked memory, so that the expected versions are never swapped
}

func (r *region) pages() int64 { return int64(len(r.versions)) }

func (r *region) page(n int64) []uint64 { return r.data[n*pageWords : (n+1)*pageWords] }

// worker owns every step-th page, beginning with first. No two workers share a page, so
// the expected version of a page needs no lock.
type worker struct {
	region *region
	first  int64
	step   int64
	rng    *rand.Rand
	note   func(string) // called at a mismatch
	stop   *atomic.Bool // ends all that the worker does
	enough *atomic.Bool // ends its accesses

	latency    *hdrhistogram.Histogram
	writes     int64
	done       atomic.Int64 // accesses, read while the worker runs
	mismatches atomic.Int64
}

func newWorker(r *region, first, step int64, stop *atomic.Bool, note func(string)) *worker {
	return &worker{
		region: r, first: first, step: step, stop: stop, enough: new(atomic.Bool), note: note,
		rng:     rand.New(rand.NewPCG(r.seed, uint64(first))),
		latency: newLatency(),
	}
}

// count is the number of pages that the worker owns.
func (w *worker) count() int64 { return (w.region.pages() - w.first + w.step - 1) / w.step }

// guarded runs f on a thread of its own and turns the signal of a failed page
// fault into an error.
func (w *worker) guarded(f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			fault, ok := p.(interface {
				error
				Addr() uintptr
			})
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("%w: after %d accesses: %w", ErrUnreadable, w.done.Load(), fault)
		}
	}()
	return f()
}

// fill writes the first version of every page, in order.
func (w *worker) fill() error {
	return w.each(func(n int64) {
		w.region.versions[n] = 1
		fill(w.region.page(n), w.region.seed, uint64(n), 1)
	})
}

// sweep verifies every page, in order.
func (w *worker) sweep() error { return w.each(w.check) }

func (w *worker) each(f func(page int64)) error {
	for n := w.first; n < w.region.pages() && !w.stop.Load(); n += w.step {
		f(n)
		w.done.Add(1)
	}
	return nil
}

// access reads and writes pages at random for d or for ops accesses; zero
// means no limit.
func (w *worker) access(p Pattern, d time.Duration, ops int64, writeShare float64) error {
	choose, err := p.chooser(w.rng, w.count())
	if err != nil {
		return err
	}
	for begin := time.Now(); !w.stop.Load() && !w.enough.Load(); {
		if ops > 0 && w.done.Load() >= ops {
			return nil
		}
		n := w.first + choose()*w.step
		before := time.Now()
		if d > 0 && before.Sub(begin) >= d {
			return nil
		}
		write := w.rng.Float64() < writeShare
		w.touch(n, write)
		if err := w.latency.RecordValue(int64(min(max(time.Since(before), 1), maxLatency))); err != nil {
			return fmt.Errorf("record a latency: %w", err)
		}
		w.check(n)
		if write {
			w.region.versions[n]++
			fill(w.region.page(n), w.region.seed, uint64(n), uint64(w.region.versions[n]))
			w.writes++
		}
		w.done.Add(1)
	}
	return nil
}

// touch takes the page fault, if there is one. The content does not change.
func (w *worker) touch(n int64, write bool) {
	first := &w.region.page(n)[0]
	if write {
		atomic.AddUint64(first, 0)
	} else {
		atomic.LoadUint64(first)
	}
}

// check verifies page n against the version last written.
func (w *worker) check(n int64) {
	version := uint64(w.region.versions[n])
	page := w.region.page(n)
	if bad := verify(page, w.region.seed, uint64(n), version); bad >= 0 {
		w.mismatches.Add(1)
		w.note(describe(page, bad, uint64(n), version))
	}
}
