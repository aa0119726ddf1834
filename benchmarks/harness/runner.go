package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
)

// Errors of a Runner.
var (
	// ErrOtherSwap means that the machine already swaps to something else.
	ErrOtherSwap = errors.New("another swap area is active")
	// ErrInterrupted means that the plan was not run to its end. A new Run goes on there.
	ErrInterrupted = errors.New("interrupted")
	// ErrLeft means that something could not be taken down, and may still be there.
	ErrLeft = errors.New("something is left behind")
)

// Runner runs a plan. Its fields are set before Run and not changed afterwards.
type Runner struct {
	Workloads []workload.Workload // those of the plan
	Backends  []backend.Backend
	Store     *Store
	Dir       string // for folders of runs; on a disk, not in memory
	Farswap   string // path of the program
	OtherSwap bool   // measure although the machine swaps to something else
	// Log gets what workloads and backends do, from any goroutine. Warn gets what went
	// wrong, and Progress what is run, both from the goroutine of Run.
	Log, Warn func(format string, args ...any)
	Progress  func(Progress)

	system   system
	groups   groups
	plan     Plan
	now      Progress
	began    time.Time
	runBegan time.Time // for the current run
	todo     []Step    // the current one first

	silent map[string]bool // backends without probes about which Warn was called
}

// system is the machine as the runner uses it. Tests replace it.
type system struct {
	root       fs.FS
	groups     func() (groups, error)
	dropCaches func() error
	probe      func(swapArea) (probes, error)
	grace      time.Duration
}

func thisMachine() system {
	return system{
		root:       os.DirFS("/"),
		groups:     func() (groups, error) { return openGroups() },
		dropCaches: dropCaches,
		probe:      openProbes,
		grace:      grace,
	}
}

// dropCaches writes back dirty pages and drops the page cache.
func dropCaches() error {
	unix.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
}

// Run does the runs of the plan that the store does not have yet, and stores each. When ctx
// ends it takes everything down and returns an error wrapping ErrInterrupted; it does not
// store the run that was under way. Other errors wrap ErrOtherSwap, ErrLeft or ErrStuck, or
// are about control groups and the result file. A failed run is not an error.
func (r *Runner) Run(ctx context.Context) (err error) {
	if r.system.root == nil {
		r.system = thisMachine()
	}
	r.plan, r.began, r.silent = r.Store.File.Plan, time.Now(), map[string]bool{}
	swaps, err := readSwaps(r.system.root)
	if err != nil {
		return err
	}
	if len(swaps) > 0 && !r.OtherSwap {
		return fmt.Errorf("%w: %s would take pages, too: swapoff it, or accept that with --other-swap", ErrOtherSwap, names(swaps))
	}
	if r.groups, err = r.system.groups(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.groups.Close()) }()
	for r.todo = r.Store.Todo(); len(r.todo) > 0; r.todo = r.todo[1:] {
		if err := r.step(ctx, r.todo[0]); err != nil {
			return err
		}
	}
	return nil
}

func names(swaps []swapArea) string {
	var all []string
	for _, s := range swaps {
		all = append(all, s.path)
	}
	return strings.Join(all, ", ")
}

// step makes one run and keeps it.
func (r *Runner) step(ctx context.Context, s Step) error {
	peak, err := r.peak(ctx, s.Workload)
	if err != nil {
		return err
	}
	run := Run{Step: s, Started: time.Now().UTC().Truncate(time.Second)}
	if s.Backend != Reference {
		run.MemoryMax, run.SwapSize = s.Limit.Bytes(peak.Bytes), SwapSize(peak.Bytes)
	}
	if peak.Failed != "" {
		run.Failed = "no peak: " + peak.Failed
		return r.Store.Add(run)
	}
	r.now.What = s.String()
	if s.Warmup {
		r.now.What += ", warm-up"
	}
	if _, err := r.try(ctx, &run); err != nil {
		return err
	}
	if s.Warmup {
		run.Metrics, run.Counters, run.Latencies, run.Disturbed = nil, nil, nil, nil
	}
	return r.Store.Add(run)
}

// peak returns the peak of a workload: the store's, or one measured now.
func (r *Runner) peak(ctx context.Context, name string) (Peak, error) {
	if p, ok := r.Store.Peak(name); ok {
		return p, nil
	}
	r.now.What = name + ", its peak"
	run := Run{Step: Step{Cell: Cell{name, Reference, full}}}
	p, err := r.try(ctx, &run)
	if err != nil {
		return p, err
	}
	p.Workload, p.Seconds, p.Failed = name, run.Seconds, run.Failed
	if p.Failed == "" && p.Bytes == 0 {
		p.Failed = "the kernel counted none"
	}
	return p, r.Store.AddPeak(p)
}

// try does a run and takes all of it down. run.Failed says what went wrong with the run
// itself. An error ends the plan.
func (r *Runner) try(ctx context.Context, run *Run) (Peak, error) {
	if ctx.Err() != nil {
		return Peak{}, ErrInterrupted
	}
	t := &trial{
		r: r, run: run, log: &runLog{say: r.Log},
		workload: r.workload(run.Workload), backend: r.backend(run.Backend),
	}
	r.runBegan = time.Now()
	limited, cancel := context.WithTimeout(ctx, r.plan.TimeLimit.Duration())
	failure := t.up(limited)
	late := failure != nil && ctx.Err() == nil && limited.Err() != nil
	phase := r.now.Phase
	cancel()
	err := t.down(context.WithoutCancel(ctx))
	run.Seconds = time.Since(r.runBegan).Seconds()
	switch {
	case err != nil:
		return Peak{}, fmt.Errorf("%w after %v: %w", ErrLeft, run.Step, err)
	case errors.Is(failure, ErrStuck):
		return Peak{}, failure
	case ctx.Err() != nil:
		return Peak{}, ErrInterrupted
	case late:
		failure = fmt.Errorf("not done within the time limit of %v, still %s: %w", r.plan.TimeLimit.Duration(), phase, failure)
	}
	if failure != nil {
		run.Failed, run.Log = failure.Error(), t.log.kept()
		run.Metrics, run.Counters, run.Latencies, run.Disturbed = nil, nil, nil, nil
		r.Warn("%v failed: %v", run.Step, failure)
	}
	return t.peak, nil
}

func (r *Runner) workload(name string) workload.Workload {
	return r.Workloads[slices.IndexFunc(r.Workloads, func(w workload.Workload) bool { return w.Name == name })]
}

func (r *Runner) backend(name string) backend.Backend {
	return r.Backends[slices.IndexFunc(r.Backends, func(b backend.Backend) bool { return b.Name == name })]
}

// say reports what is being done now.
func (r *Runner) say(phase string) {
	all := len(r.plan.Steps())
	r.now.Phase, r.now.Run, r.now.Of = phase, all-len(r.todo)+1, all
	r.now.Elapsed, r.now.Ran = time.Since(r.began), time.Since(r.runBegan)
	r.now.Whole, r.now.Known = Left(r.Store.File.Runs, r.todo[:1])
	r.now.Later, _ = Left(r.Store.File.Runs, r.todo[1:])
	r.Progress(r.now)
}

// noProbes warns once for each backend why its latencies are not measured.
func (r *Runner) noProbes(backend string, err error) {
	if !r.silent[backend] {
		r.silent[backend] = true
		r.Warn("no latency histograms of %s: %v", backend, err)
	}
}
