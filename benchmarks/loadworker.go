package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// loadWorker owns the pages from first on, so their versions need no lock.
type loadWorker struct {
	load     *load
	file     *os.File
	buffer   []byte // loadRun pages
	first    int64
	versions []uint32
	rng      *rand.Rand

	reads, writes *hdrhistogram.Histogram // of the phase
}

func (w *loadWorker) page(i int) []uint64 {
	return words(w.buffer[i*PageSize : (i+1)*PageSize])
}

// fill writes the first version of every page.
func (w *loadWorker) fill() error {
	return w.runs(func(at, n int) error {
		for i := range n {
			w.versions[at+i] = 1
			fill(w.page(i), w.load.cfg.Seed, uint64(w.first)+uint64(at+i), 1)
		}
		return w.write(at, n)
	})
}

// sweep reads and checks every page.
func (w *loadWorker) sweep() error {
	return w.runs(func(at, n int) error {
		if err := w.read(at, n); err != nil {
			return err
		}
		w.load.swept.Add(int64(n))
		return nil
	})
}

func (w *loadWorker) runs(f func(at, n int) error) error {
	for at := 0; at < len(w.versions) && w.load.ctx.Err() == nil; at += loadRun {
		if err := f(at, min(loadRun, len(w.versions)-at)); err != nil {
			return err
		}
	}
	return nil
}

// access reads and writes single pages until over is closed. All workers together do
// rate accesses a second. A late worker catches up on a second at most.
func (w *loadWorker) access(rate float64, over <-chan struct{}) error {
	if rate <= 0 {
		<-over
		return nil
	}
	pause := time.Duration(float64(len(w.load.workers)) / rate * float64(time.Second))
	timer := time.NewTimer(time.Duration(w.rng.Int64N(int64(pause) + 1)))
	defer timer.Stop()
	due := time.Now()
	for w.load.ctx.Err() == nil {
		select {
		case <-over:
			return nil
		case <-timer.C:
		}
		if err := w.one(w.rng.IntN(len(w.versions)), w.rng.Float64() < w.load.cfg.WriteShare); err != nil {
			return err
		}
		due = due.Add(pause)
		if late := time.Since(due); late > time.Second {
			due = due.Add(late - time.Second)
		}
		timer.Reset(time.Until(due))
	}
	return nil
}

// one does one access: it reads a page, or writes its next version.
func (w *loadWorker) one(at int, write bool) error {
	h, access := w.reads, w.readUnchecked
	if write {
		h, access = w.writes, w.write
		w.versions[at]++
		fill(w.page(0), w.load.cfg.Seed, uint64(w.first)+uint64(at), uint64(w.versions[at]))
	}
	begun := time.Now()
	if err := access(at, 1); err != nil {
		return err
	}
	if err := h.RecordValue(int64(min(max(time.Since(begun), 1), maxLatency))); err != nil {
		return fmt.Errorf("record a latency: %w", err)
	}
	if !write {
		w.check(at, 1)
	}
	return nil
}

func (w *loadWorker) write(at, n int) error {
	if _, err := w.file.WriteAt(w.buffer[:n*PageSize], (w.first+int64(at))*PageSize); err != nil {
		return fmt.Errorf("write %d pages from page %d on: %w", n, w.first+int64(at), err)
	}
	return nil
}

func (w *loadWorker) readUnchecked(at, n int) error {
	if _, err := w.file.ReadAt(w.buffer[:n*PageSize], (w.first+int64(at))*PageSize); err != nil {
		return fmt.Errorf("read %d pages from page %d on: %w", n, w.first+int64(at), err)
	}
	return nil
}

func (w *loadWorker) read(at, n int) error {
	err := w.readUnchecked(at, n)
	if err == nil {
		w.check(at, n)
	}
	return err
}

// check compares what was read with the versions last written.
func (w *loadWorker) check(at, n int) {
	for i := range n {
		number, version := uint64(w.first)+uint64(at+i), uint64(w.versions[at+i])
		if bad := verify(w.page(i), w.load.cfg.Seed, number, version); bad >= 0 {
			w.load.mismatch(describe(w.page(i), bad, number, version))
		}
	}
}
