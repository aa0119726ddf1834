package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/offheap"

	"golang.org/x/sys/unix"
)

// maxNotes bounds the lines about mismatches, because the first few show what is wrong.
const maxNotes = 20

// RunPaging runs the workload and reports on progress, a line at a time. The figures
// do not include the reporting. RunPaging raises GOMAXPROCS of the process while it
// runs, because a worker in a page fault keeps its P.
//
// With an error, the result has what was measured before it. The error is ErrConfig,
// ErrMismatch, ErrUnreadable, the context's, or the kernel's if it gives no memory.
//
// Preconditions: the process is in the cgroup that limits its memory.
func RunPaging(ctx context.Context, cfg PagingConfig, progress io.Writer) (PagingResult, error) {
	result := PagingResult{
		Name: cfg.Name, Size: cfg.Size, Threads: cfg.Threads, WriteShare: cfg.WriteShare, Seed: cfg.Seed,
		Phases: []PagingPhase{},
	}
	if err := cfg.Validate(); err != nil {
		return result, err
	}
	data, err := offheap.Map(int(cfg.Size), offheap.Options{})
	if err != nil {
		return result, err
	}
	defer func() { _ = offheap.Unmap(data) }()
	// A kernel without huge pages refuses this call, and needs none.
	_ = unix.Madvise(data, unix.MADV_NOHUGEPAGE)
	versions, err := offheap.Map(int(cfg.Size/PageSize)*versionSize, offheap.Options{Lock: true})
	if err != nil {
		return result, fmt.Errorf("memory for the expected versions: %w", err)
	}
	defer func() { _ = offheap.Unmap(versions) }()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + cfg.Threads))

	p := &paging{cfg: cfg, out: progress, data: data, result: &result}
	p.region = region{seed: cfg.Seed, data: words(data), versions: counts(versions)}
	defer context.AfterFunc(ctx, func() { p.stop.Store(true) })()
	return result, errors.Join(p.run(ctx), ctx.Err())
}

// paging is one run.
type paging struct {
	cfg    PagingConfig
	out    io.Writer
	data   []byte // the memory of region
	region region
	stop   atomic.Bool
	result *PagingResult

	mu    sync.Mutex // guards notes and out
	notes int
}

func (p *paging) run(ctx context.Context) error {
	before, err := readCounters()
	if err != nil {
		return err
	}
	err = p.stages(ctx)
	after, counterErr := readCounters()
	if counterErr != nil {
		return errors.Join(err, counterErr)
	}
	total := after.since(before)
	p.result.MajorFaults, p.result.PswpIn, p.result.PswpOut = total.majorFaults, total.pswpin, total.pswpout
	if n := p.result.Mismatches; n > 0 {
		err = errors.Join(err, fmt.Errorf("%d times: %w", n, ErrMismatch))
	}
	return err
}

func (p *paging) stages(ctx context.Context) error {
	fill, err := p.stage("fill", nil, (*worker).fill)
	p.result.FillSeconds = fill.seconds
	if err == nil && p.cfg.PageOut {
		err = p.pageOut()
	}
	for _, pattern := range p.cfg.Patterns {
		if err != nil || ctx.Err() != nil {
			return err
		}
		err = p.phase(pattern)
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	placed := p.placement(ctx)
	if p.cfg.NoSweep {
		return placed
	}
	sweep, err := p.stage("sweep", nil, (*worker).sweep)
	p.result.SweepSeconds, p.result.SweptPages = sweep.seconds, sweep.done
	p.result.Mismatches += sweep.mismatches
	return errors.Join(err, placed)
}

// pageOut asks the kernel twice to push everything out. The first call only starts the
// writes of dirty pages; the second drops these pages.
func (p *paging) pageOut() error {
	for range 2 {
		if err := unix.Madvise(p.data, unix.MADV_PAGEOUT); err != nil {
			return fmt.Errorf("push memory out to swap: %w: it needs Linux 5.4", err)
		}
	}
	p.say("paged out")
	return nil
}

// placement asks where the pages are. It does so before the sweep, while nothing changes.
func (p *paging) placement(ctx context.Context) error {
	if p.cfg.Device == nil {
		return nil
	}
	d, err := p.cfg.Device(ctx)
	if err != nil {
		return fmt.Errorf("ask where the pages lie: %w", err)
	}
	p.result.Placement = place(d)
	return p.result.Placement.unused()
}

// phase runs one pattern.
func (p *paging) phase(pattern Pattern) error {
	before, err := readCounters()
	if err != nil {
		return err
	}
	costBefore, err := readUsage(p.cfg.Watch)
	if err != nil {
		return err
	}
	threads := int64(p.cfg.Threads)
	s, err := p.stage(string(pattern), p.cfg.End, func(w *worker) error {
		ops := (p.cfg.Ops + threads - 1 - w.first) / threads
		if p.cfg.Ops > 0 && ops == 0 {
			return nil
		}
		return w.access(pattern, p.cfg.Duration, ops, p.cfg.WriteShare)
	})
	after, counterErr := readCounters()
	costAfter, costErr := readUsage(p.cfg.Watch)
	if costErr != nil {
		return errors.Join(err, counterErr, costErr)
	}
	used, cost := after.since(before), costAfter.since(costBefore)
	phase := PagingPhase{
		Pattern: pattern, Seconds: s.seconds, Accesses: s.done, Mismatches: s.mismatches,
		MajorFaults: used.majorFaults, PswpIn: used.pswpin, PswpOut: used.pswpout,
		Machine: cost.machine, Processes: cost.processes,
	}
	if s.seconds > 0 {
		phase.AccessesPerSecond = float64(s.done) / s.seconds
	}
	latency := newLatency()
	for _, w := range s.workers {
		latency.Merge(w.latency)
		phase.Writes += w.writes
	}
	phase.latencies(latency)
	p.result.Phases = append(p.result.Phases, phase)
	p.result.Mismatches += s.mismatches
	return errors.Join(err, counterErr)
}

// stage is a part of the run that all workers do together.
type stage struct {
	workers    []*worker
	seconds    float64
	done       int64
	mismatches int64
}

func (s *stage) add() {
	s.done, s.mismatches = 0, 0
	for _, w := range s.workers {
		s.done += w.done.Load()
		s.mismatches += w.mismatches.Load()
	}
}

// stage runs f on every worker and waits for all of them. What end delivers stops their
// accesses.
func (p *paging) stage(name string, end <-chan os.Signal, f func(*worker) error) (stage, error) {
	var (
		s      stage
		enough atomic.Bool
	)
	for first := range int64(p.cfg.Threads) {
		s.workers = append(s.workers, newWorker(&p.region, first, int64(p.cfg.Threads), &p.stop, p.note))
		s.workers[first].enough = &enough
	}
	results := make(chan error, len(s.workers))
	begin := time.Now()
	for _, w := range s.workers {
		go func() { results <- w.guarded(func() error { return f(w) }) }()
	}
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	var err error
	for left := len(s.workers); left > 0; {
		select {
		case e := <-results:
			if err = errors.Join(err, e); e != nil {
				p.stop.Store(true)
			}
			left--
		case <-end:
			enough.Store(true)
		case <-ticker.C:
			s.add()
			p.say("%s: %s pages, %s/s, %d mismatches", name, grouped(s.done),
				grouped(int64(float64(s.done)/time.Since(begin).Seconds())), s.mismatches)
		}
	}
	s.seconds = time.Since(begin).Seconds()
	s.add()
	p.say("%s: done, %s pages in %.1f s, %d mismatches", name, grouped(s.done), s.seconds, s.mismatches)
	return s, err
}

func (p *paging) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(format, args...)
}

// print writes a line. An error of the report does not stop the run.
//
// Preconditions: p.mu is held.
func (p *paging) print(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *paging) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.notes++; p.notes <= maxNotes {
		p.print("mismatch: %s", text)
	}
	if p.notes == maxNotes {
		p.print("mismatch: further ones are only counted")
	}
}
