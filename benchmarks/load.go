package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// LoadConfig describes a load on a block device, whose content it overwrites.
type LoadConfig struct {
	Path       string  // of the device, or of a file
	Size       int64   // bytes from its start: a multiple of PageSize, at least one page per thread
	Threads    int     // workers, 1 to 1024, each with its own share of the pages and one access at a time
	WriteShare float64 // part of accesses that write a new version, 0 to 1
	Seed       uint64
}

// LoadStart begins a phase, which lasts until the next one begins.
type LoadStart struct {
	Name string
	Rate float64 // accesses a second by all threads together; 0 rests
}

// LoadResult is what a load measured.
type LoadResult struct {
	Path         string      `json:"path"`
	Size         int64       `json:"size"` // bytes
	Threads      int         `json:"threads"`
	WriteShare   float64     `json:"write_share"`
	FillSeconds  float64     `json:"fill_seconds"`
	Phases       []LoadPhase `json:"phases"`
	SweepSeconds float64     `json:"sweep_seconds"`
	SweptPages   int64       `json:"swept_pages"` // all, unless the run was cut short
	Mismatches   int64       `json:"mismatches"`  // in phases and sweep
}

// LoadPhase is what one phase measured. A latency is that of the access alone. If an access
// begins late because the one before took long, its latency does not include that delay.
type LoadPhase struct {
	Name    string      `json:"name"`
	Rate    float64     `json:"rate"` // wanted, accesses a second; 0 rested
	Seconds float64     `json:"seconds"`
	Reads   LoadLatency `json:"reads"`
	Writes  LoadLatency `json:"writes"`
}

// LoadLatency is the latency of one direction.
type LoadLatency struct {
	Accesses int64 `json:"accesses"`
	P50NS    int64 `json:"p50_ns"`
	P99NS    int64 `json:"p99_ns"`
	MaxNS    int64 `json:"max_ns"`
}

// Validate returns an error wrapping ErrConfig if c breaks a rule of its fields.
func (c LoadConfig) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, ErrConfig)...)
	}
	switch {
	case c.Path == "":
		return bad("no path: give a block device's")
	case c.Threads < 1 || c.Threads > maxThreads:
		return bad("%d threads: give 1 to %d", c.Threads, maxThreads)
	case c.Size%PageSize != 0:
		return bad("%d bytes: give a multiple of %d", c.Size, PageSize)
	case c.Size < int64(c.Threads)*PageSize:
		return bad("%d bytes for %d threads: give each at least a page of %d", c.Size, c.Threads, PageSize)
	case !(c.WriteShare >= 0 && c.WriteShare <= 1):
		return bad("a write share of %g: give 0 to 1", c.WriteShare)
	}
	return nil
}

// RunLoad writes every page and says so on progress. Then it reads and writes single
// pages at random, past the page cache, at the rate of the phase that it last received
// from phases. When that channel is closed, it reads all pages once more. It compares
// each page that it reads with the version last written.
//
// With an error, the result has what was measured before it. The error is ErrConfig,
// ErrMismatch, the context's, or the kernel's if the device fails an access.
func RunLoad(ctx context.Context, cfg LoadConfig, phases <-chan LoadStart, progress io.Writer) (LoadResult, error) {
	result := LoadResult{Path: cfg.Path, Size: cfg.Size, Threads: cfg.Threads, WriteShare: cfg.WriteShare, Phases: []LoadPhase{}}
	if err := cfg.Validate(); err != nil {
		return result, err
	}
	if info, err := os.Stat(cfg.Path); err == nil && info.Mode().Type() != 0 && info.Mode().Type() != os.ModeDevice {
		return result, fmt.Errorf("%s is neither a block device nor a file: %w", cfg.Path, ErrConfig)
	}
	file, err := os.OpenFile(cfg.Path, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return result, err
	}
	defer file.Close()
	l := &load{cfg: cfg, out: progress, result: &result}
	pages := cfg.Size / PageSize
	for i := range int64(cfg.Threads) {
		first, end := pages*i/int64(cfg.Threads), pages*(i+1)/int64(cfg.Threads)
		buffer, err := offheap.Map(loadRun*PageSize, offheap.Options{Populate: true})
		if err != nil {
			return result, err
		}
		defer func() { _ = offheap.Unmap(buffer) }()
		l.workers = append(l.workers, &loadWorker{
			load: l, file: file, buffer: buffer, first: first, versions: make([]uint32, end-first),
			rng: rand.New(rand.NewPCG(cfg.Seed, uint64(i))),
		})
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	l.ctx, l.cancel = running, cancel
	return result, errors.Join(l.run(phases), ctx.Err())
}

// loadRun is how many pages are written or read at once outside of the measurement.
const loadRun = 64

// load is one run.
type load struct {
	cfg     LoadConfig
	workers []*loadWorker
	ctx     context.Context // ends with the first error
	cancel  context.CancelFunc
	result  *LoadResult
	swept   atomic.Int64
	wrong   atomic.Int64

	mu    sync.Mutex // guards out and notes
	out   io.Writer
	notes int
}

func (l *load) run(phases <-chan LoadStart) error {
	begun := time.Now()
	if err := l.all((*loadWorker).fill); err != nil {
		return err
	}
	l.result.FillSeconds = time.Since(begun).Seconds()
	l.say("filled: %s pages in %.1f s", grouped(l.cfg.Size/PageSize), l.result.FillSeconds)
	if err := l.phases(phases); err != nil {
		return err
	}
	begun = time.Now()
	err := l.all((*loadWorker).sweep)
	l.result.SweepSeconds, l.result.SweptPages = time.Since(begun).Seconds(), l.swept.Load()
	if l.result.Mismatches = l.wrong.Load(); l.result.Mismatches > 0 {
		err = errors.Join(err, fmt.Errorf("%d times: %w", l.result.Mismatches, ErrMismatch))
	}
	return err
}

// phases runs one after the other until the channel is closed.
func (l *load) phases(starts <-chan LoadStart) error {
	next := func() (start LoadStart, ok bool) {
		select {
		case start, ok = <-starts:
		case <-l.ctx.Done():
		}
		return start, ok
	}
	start, more := next()
	for more {
		over, now := make(chan struct{}), start
		go func() {
			defer close(over)
			start, more = next()
		}()
		if err := l.phase(now, over); err != nil {
			return err
		}
		<-over
	}
	return nil
}

// phase runs one phase until over is closed.
func (l *load) phase(start LoadStart, over <-chan struct{}) error {
	l.say("phase %s: %g accesses/s", start.Name, start.Rate)
	begun := time.Now()
	for _, w := range l.workers {
		w.reads, w.writes = newLatency(), newLatency()
	}
	err := l.all(func(w *loadWorker) error { return w.access(start.Rate, over) })
	p := LoadPhase{Name: start.Name, Rate: start.Rate, Seconds: time.Since(begun).Seconds()}
	reads, writes := newLatency(), newLatency()
	for _, w := range l.workers {
		reads.Merge(w.reads)
		writes.Merge(w.writes)
	}
	p.Reads, p.Writes = loadLatency(reads), loadLatency(writes)
	l.result.Phases = append(l.result.Phases, p)
	l.result.Mismatches = l.wrong.Load()
	return err
}

func loadLatency(h *hdrhistogram.Histogram) LoadLatency {
	return LoadLatency{Accesses: h.TotalCount(), P50NS: h.ValueAtQuantile(50), P99NS: h.ValueAtQuantile(99), MaxNS: h.Max()}
}

// all runs f on every worker and waits for them. The first error stops the others.
func (l *load) all(f func(*loadWorker) error) error {
	errs := make([]error, len(l.workers))
	var group sync.WaitGroup
	for i, w := range l.workers {
		group.Go(func() {
			if errs[i] = f(w); errs[i] != nil {
				l.cancel()
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (l *load) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, format+"\n", args...) // an error of the report does not stop the run
}

// mismatch counts a wrong page, and reports the first few.
func (l *load) mismatch(text string) {
	l.wrong.Add(1)
	l.mu.Lock()
	l.notes++
	few := l.notes <= maxNotes
	l.mu.Unlock()
	if few {
		l.say("mismatch: %s", text)
	}
}
