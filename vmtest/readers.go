package vmtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/loghist"
)

// readPause is between two reads of a reader: the emulated machine is to be idle for
// some of the time, or else it is its own queues that are measured.
const readPause = 4 * time.Millisecond

// Readers read single pages of a device at random, all the time, each checked against
// what Fill wrote, and know how long they took.
type Readers struct {
	w     *World
	path  string
	first int // page
	pages int

	stop atomic.Bool
	done sync.WaitGroup

	mu    sync.Mutex // guards reads
	reads loghist.Histogram
}

// Fill writes pages of a device from first on, each with a content of its own.
func (w *World) Fill(path string, first, pages int) {
	w.Helper()
	const run = 32
	f, buffer, err := direct(path, run)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	defer func() { _ = unix.Munmap(buffer) }() // it was mapped
	for at := first; at < first+pages; at += run {
		n := min(run, first+pages-at)
		for i := range n {
			fillPage(buffer[i*pageSize:(i+1)*pageSize], uint64(at+i)+1)
		}
		if _, err := f.WriteAt(buffer[:n*pageSize], int64(at)*pageSize); err != nil {
			w.Fatalf("fill %s: %v", path, err)
		}
	}
}

// direct opens a device for direct I/O, with a buffer of so many pages.
func direct(path string, pages int) (*os.File, []byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return nil, nil, err
	}
	buffer, err := unix.Mmap(-1, 0, pages*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("map %d pages: %w", pages, err)
	}
	return f, buffer, nil
}

// Read starts n readers of pages that Fill wrote. They end with the world at the latest.
func (w *World) Read(path string, first, pages, n int) *Readers {
	r := &Readers{w: w, path: path, first: first, pages: pages}
	for i := range n {
		r.done.Go(func() {
			if err := r.run(rand.New(rand.NewPCG(uint64(i), 0))); err != nil {
				w.Error(err)
			}
		})
	}
	w.Defer(r.Stop)
	return r
}

func (r *Readers) run(random *rand.Rand) error {
	f, buffer, err := direct(r.path, 1)
	if err != nil {
		return err
	}
	defer f.Close()
	defer func() { _ = unix.Munmap(buffer) }()
	for !r.stop.Load() && r.w.ctx.Err() == nil {
		page := r.first + random.IntN(r.pages)
		begun := time.Now()
		if _, err := f.ReadAt(buffer, int64(page)*pageSize); err != nil {
			return fmt.Errorf("read page %d of %s: %w", page, r.path, err)
		}
		took := time.Since(begun)
		if word, ok := checkPage(buffer, uint64(page)+1); !ok {
			return fmt.Errorf("%w: page %d of %s begins with %#x", ErrWrong, page, r.path, word)
		}
		r.mu.Lock()
		r.reads.Record(int64(took))
		r.mu.Unlock()
		time.Sleep(readPause)
	}
	return nil
}

// Stop ends the readers.
func (r *Readers) Stop() {
	r.stop.Store(true)
	r.done.Wait()
}

// P99 is that of the reads of the next d.
func (r *Readers) P99(d time.Duration) time.Duration {
	before := r.now()
	time.Sleep(d)
	now := r.now()
	grown := now.Since(&before)
	r.w.Logf("%s: %d reads in %v, p50 %v, p99 %v", r.path, grown.Count(), d, nanos(grown.Quantile(0.5)), nanos(grown.Quantile(0.99)))
	return time.Duration(grown.Quantile(0.99))
}

func nanos(ns int64) time.Duration { return time.Duration(ns).Round(10 * time.Microsecond) }

func (r *Readers) now() loghist.Histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}
