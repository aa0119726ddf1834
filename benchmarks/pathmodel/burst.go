package pathmodel

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/internal/pseudo"
	"github.com/farswap/farswap/ublk"
)

// load is what the application's threads do in a burst.
type load struct {
	threads int
	op      ublk.Op
	time    time.Duration // the burst's
	count   int64         // pages of each thread, 0: no limit
	cpus    unix.CPUSet   // of the application
	seed    uint64        // of the order of pages
}

// warmPages is how many pages each thread moves before it is measured.
const warmPages = 16

// pages are those of a device or server, with the version of each. A thread has the pages whose
// number modulo the number of threads is its own.
type pages struct {
	content  *content
	versions []uint32
}

func newPages(size int64) *pages { return &pages{newContent(), make([]uint32, size/pageSize)} }

// burst is what the application has measured.
type burst struct {
	count   int64
	seconds float64 // from the first thread's begin to the last one's end
	latency loghist.Histogram
}

// worker is an application thread.
type worker struct {
	index   int
	load    load
	pages   *pages
	way     way
	random  uint64
	latency loghist.Histogram
	count   int64
	begin   time.Time
	end     time.Time
	err     error
}

// measurer is told when the threads wait to begin, with their thread ids, and when they have
// ended and are still there.
type measurer interface {
	begin(application []int) error
	end() error
}

// runBurst has threads do the load. open opens the way of thread i, on that thread.
func runBurst(l load, p *pages, open func(i int) (way, error), m measurer) (burst, error) {
	var ready, ended, left sync.WaitGroup
	start, leave := make(chan bool), make(chan struct{})
	workers, tids := make([]*worker, l.threads), make([]int, l.threads)
	var failed atomic.Bool // a thread has: the others end
	for i := range workers {
		w := &worker{index: i, load: l, pages: p, random: l.seed + uint64(i)}
		workers[i] = w
		ready.Add(1)
		ended.Add(1)
		left.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread is bound
			tids[i] = unix.Gettid()
			w.err = w.open(open)
			ready.Done()
			if <-start && w.err == nil {
				w.err = w.run(&failed)
			}
			ended.Done()
			<-leave
			if w.way != nil {
				w.err = errors.Join(w.err, w.way.close())
			}
		})
	}
	ready.Wait()
	err := workersError(workers)
	if err == nil {
		err = m.begin(tids)
	}
	for range workers {
		start <- err == nil
	}
	ended.Wait()
	if err == nil {
		err = m.end()
	}
	close(leave)
	left.Wait()
	if err = errors.Join(err, workersError(workers)); err != nil {
		return burst{}, err
	}
	return sum(workers), nil
}

func workersError(workers []*worker) (err error) {
	for _, w := range workers {
		err = errors.Join(err, w.err)
	}
	return err
}

func sum(workers []*worker) (b burst) {
	begin, end := workers[0].begin, workers[0].end
	for _, w := range workers {
		b.count += w.count
		b.latency.Add(&w.latency)
		if w.begin.Before(begin) {
			begin = w.begin
		}
		if w.end.After(end) {
			end = w.end
		}
	}
	b.seconds = end.Sub(begin).Seconds()
	return b
}

// open binds the thread, opens its way, and moves the first pages.
func (w *worker) open(open func(i int) (way, error)) (err error) {
	if err := unix.SchedSetaffinity(0, &w.load.cpus); err != nil {
		return fmt.Errorf("bind a thread of the application: %w", err)
	}
	if w.way, err = open(w.index); err != nil {
		return err
	}
	for range warmPages {
		if err := w.move(w.next()); err != nil {
			return err
		}
	}
	return nil
}

// run moves pages until time or count are over, or another thread has failed.
func (w *worker) run(failed *atomic.Bool) error {
	w.begin = time.Now()
	w.end = w.begin
	for until := w.begin.Add(w.load.time); w.end.Before(until) && (w.load.count == 0 || w.count < w.load.count) && !failed.Load(); w.count++ {
		page := w.next()
		if isWrite(w.load.op) {
			w.prepare(page)
		}
		begin := time.Now()
		if err := w.way.do(w.load.op, page); err != nil {
			failed.Store(true)
			return err
		}
		w.end = time.Now()
		w.latency.Record(int64(w.end.Sub(begin)))
		if !isWrite(w.load.op) {
			if err := w.check(page); err != nil {
				failed.Store(true)
				return err
			}
		}
	}
	return nil
}

// move moves a page without measuring it. Who writes reads it back.
func (w *worker) move(page int64) error {
	if isWrite(w.load.op) {
		w.prepare(page)
		if err := w.way.do(ublk.OpWrite, page); err != nil {
			return err
		}
	}
	w.spoil()
	if err := w.way.do(ublk.OpRead, page); err != nil {
		return err
	}
	return w.check(page)
}

// next is one of the thread's pages, at random.
func (w *worker) next() int64 {
	w.random += pseudo.Golden
	own := uint64(len(w.pages.versions) / w.load.threads)
	return int64(pseudo.Mix(w.random)%own)*int64(w.load.threads) + int64(w.index)
}

// prepare makes the next version of a page.
func (w *worker) prepare(page int64) {
	w.pages.versions[page]++
	w.pages.content.fill(w.way.data(), page, w.pages.versions[page])
}

// check checks the page that was read. Afterwards its memory does not have that content any
// more, so that a read that brings nothing is found.
func (w *worker) check(page int64) error {
	err := w.pages.content.check(w.way.data(), page, w.pages.versions[page])
	w.spoil()
	return err
}

func (w *worker) spoil() {
	b := w.way.data()
	for at := 0; at < pageSize; at += pageBlock {
		b[at] ^= 0xff
	}
}
