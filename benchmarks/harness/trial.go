package harness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/bpf"
)

// trial is one run while it is under way. down takes down what it has brought up, in
// reverse order.
type trial struct {
	r        *Runner
	workload workload.Workload
	backend  backend.Backend
	run      *Run
	log      *runLog

	dir     string
	group   group
	area    backend.Area
	running workload.Running
	probes  probes
	peak    Peak // of the workload; used only by the run that measures it
}

// up makes the control group, the swap and the application, measures the application, and
// reads its counters. An error is the run's failure, unless it is ErrStuck.
func (t *trial) up(ctx context.Context) error {
	var err error
	if t.dir, err = os.MkdirTemp(t.r.Dir, groupPrefix); err != nil {
		return fmt.Errorf("make a folder for the run: %w", err)
	}
	app, files := filepath.Join(t.dir, "app"), filepath.Join(t.dir, "backend")
	for _, dir := range []string{app, files} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if t.group, err = t.r.groups.Make("app"); err != nil {
		return err
	}
	t.phase("dropping caches")
	if err := t.r.system.dropCaches(); err != nil {
		return fmt.Errorf("drop caches: %w", err)
	}
	if err := t.swapOn(ctx, files); err != nil {
		return err
	}
	// Processes that hang in swap do not notice that their time is over.
	defer context.AfterFunc(ctx, func() { _ = t.group.Kill() })()
	t.phase("filling")
	began := time.Now()
	t.running, err = bounded(ctx, "start "+t.workload.Name, t.r.system.grace, func(ctx context.Context) (workload.Running, error) {
		return t.workload.Start(ctx, &place{t.group, app, t.log}, t.r.plan.Size)
	})
	if err != nil {
		return t.explain(fmt.Errorf("start %s: %w", t.workload.Name, err))
	}
	t.run.Fill = time.Since(began).Seconds()
	if err := t.limit(ctx); err != nil {
		return t.explain(err)
	}
	if w, ok := t.running.(workload.Warmer); ok && t.run.MemoryMax > 0 {
		t.phase("warming up")
		_, err := bounded(ctx, "warm up "+t.workload.Name, t.r.system.grace, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, w.Warm(ctx, t.r.plan.Duration.Duration())
		})
		if err != nil {
			return t.explain(fmt.Errorf("warm up %s: %w", t.workload.Name, err))
		}
	}
	return t.explain(t.measure(ctx))
}

// limit pushes out the memory of the application above its limit, and sets the limit. The
// application has filled its memory before: under the limit, filling a store on a hard disk
// would take longer than all the rest.
func (t *trial) limit(ctx context.Context) error {
	t.phase("pushing out")
	_, err := bounded(ctx, "limit memory", t.r.system.grace, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, t.group.Limit(ctx, t.run.MemoryMax)
	})
	return err
}

func (t *trial) swapOn(ctx context.Context, files string) error {
	t.phase("swapping on")
	before, err := readSwaps(t.r.system.root)
	if err != nil {
		return err
	}
	options := backend.Options{
		Size: t.run.SwapSize, Dir: files, Device: t.r.plan.Device, Farswap: t.r.Farswap, Log: t.log.add,
	}
	t.area, err = bounded(ctx, "bring up "+t.backend.Name, t.r.system.grace, func(ctx context.Context) (backend.Area, error) {
		return t.backend.Up(ctx, options)
	})
	if err != nil {
		return fmt.Errorf("bring up %s: %w", t.backend.Name, err)
	}
	t.run.Facts = t.area.Facts()
	now, err := readSwaps(t.r.system.root)
	if err != nil {
		return err
	}
	if fresh := added(before, now); len(fresh) > 0 {
		if t.probes, err = t.r.system.probe(fresh[0]); err != nil {
			t.probes = nil
			t.r.noProbes(t.backend.Name, err)
		}
	}
	return nil
}

func (t *trial) measure(ctx context.Context) error {
	t.phase("measuring")
	before, err := t.read()
	if err != nil {
		return err
	}
	latencyBefore, err := t.latencies()
	if err != nil {
		return err
	}
	wall := time.Now().Round(0)
	metrics, err := bounded(ctx, "measure "+t.workload.Name, t.r.system.grace, func(ctx context.Context) ([]workload.Metric, error) {
		return t.running.Measure(ctx, t.r.plan.Duration.Duration())
	})
	if err != nil {
		return fmt.Errorf("measure %s: %w", t.workload.Name, err)
	}
	if err := usable(metrics); err != nil {
		return fmt.Errorf("measure %s: %w", t.workload.Name, err)
	}
	after, err := t.read()
	if err != nil {
		return err
	}
	clock := time.Now().Round(0).Sub(wall) - after.at.Sub(before.at)
	latency, err := t.latencies()
	if err != nil {
		return err
	}
	t.run.Facts = t.area.Facts() // read at the end: how well pages compressed, where they went
	t.peak.Bytes, err = readNumber(t.group.Files(), "memory.peak")
	if err != nil {
		return fmt.Errorf("read the application's peak: %w", err)
	}
	memory, err := readNumbers(t.group.Files(), "memory.stat")
	if err != nil {
		return err
	}
	t.peak.File = memory["file"] - memory["shmem"]
	counters := after.since(before)
	t.run.Metrics, t.run.Counters = metrics, &counters
	t.run.Latencies = latenciesSince(latencyBefore, latency)
	t.run.Disturbed = disturbances(counters, clock)
	return nil
}

// errMetric means that a workload returned figures that cannot be used.
var errMetric = errors.New("unusable metric")

func usable(metrics []workload.Metric) error {
	if len(metrics) == 0 {
		return fmt.Errorf("%w: there are none", errMetric)
	}
	for i, m := range metrics {
		if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
			return fmt.Errorf("%w: %s is %v", errMetric, m.Name, m.Value)
		}
		if slices.ContainsFunc(metrics[:i], func(o workload.Metric) bool { return o.Name == m.Name }) {
			return fmt.Errorf("%w: %s is there twice", errMetric, m.Name)
		}
	}
	return nil
}

// read reads all counters now.
func (t *trial) read() (reading, error) {
	r, err := readCounters(t.r.system.root, t.group.Files(), t.r.groups.Self(), time.Now())
	if err != nil {
		return r, err
	}
	if r.device, r.donor, err = t.area.CPU(); err != nil {
		return r, fmt.Errorf("processor time of %s: %w", t.backend.Name, err)
	}
	return r, nil
}

// latencies returns what the probes have measured so far.
func (t *trial) latencies() (bpf.Snapshot, error) {
	if t.probes == nil {
		return bpf.Snapshot{}, nil
	}
	return t.probes.Read()
}

// explain adds to a failure how many processes the kernel killed for lack of memory.
func (t *trial) explain(err error) error {
	if err == nil {
		return nil
	}
	events, readErr := readNumbers(t.group.Files(), "memory.events")
	if n := events["oom_kill"]; readErr == nil && n > 0 {
		return fmt.Errorf("%w; the kernel killed %d of its processes for lack of memory", err, n)
	}
	return err
}

// downTimeout bounds each step of taking down. Swapping off reads back what is still used,
// but nothing is used once the application is gone.
const downTimeout = 2 * time.Minute

// down takes everything down, and goes on if a part of it fails. An error means that
// something may be left.
func (t *trial) down(ctx context.Context) error {
	t.phase("taking down")
	var errs []error
	step := func(what string, f func(context.Context) error) {
		ctx, cancel := context.WithTimeout(ctx, downTimeout)
		defer cancel()
		_, err := bounded(ctx, what, t.r.system.grace, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if t.running != nil {
		step("stop "+t.workload.Name, func(context.Context) error { return t.running.Stop() })
	}
	if t.group != nil {
		step("end the processes of "+t.workload.Name, func(context.Context) error { return errors.Join(t.group.Kill(), t.group.Remove()) })
	}
	if t.probes != nil {
		step("detach probes", func(context.Context) error { return t.probes.Close() })
	}
	if t.area != nil {
		step("take down "+t.backend.Name, t.area.Down)
	}
	if t.dir != "" {
		step("remove "+t.dir, func(context.Context) error { return os.RemoveAll(t.dir) })
	}
	return errors.Join(errs...)
}

func (t *trial) phase(what string) { t.r.say(what) }
