package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/loghist"
)

// machineFiles are a machine's, with a little of everything.
func machineFiles() fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"proc/stat":                 "cpu  100 0 50 1000 10 5 5 1 0 0\ncpu0 1 2\n",
		"proc/vmstat":               "nr_free_pages 7\npswpin 10\npswpout 20\n",
		"proc/meminfo":              "MemTotal:       4194304 kB\nCached:  1024 kB\n",
		"proc/cpuinfo":              "processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: fpu hypervisor lm\n\nprocessor\t: 1\nmodel name\t: Fast CPU\n",
		"proc/swaps":                "Filename\tType\tSize\tUsed\tPriority\n",
		"proc/2/stat":               "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 3 4 0 0 20 0 1 0\n",
		"proc/9/stat":               "9 (a ) (b) S 1 9 9 0 -1 4194304 0 0 0 0 100 100 0 0 20 0 1 0\n",
		"proc/sys/kernel/osrelease": "7.3.1\n",
		"proc/sys/vm/page-cluster":  "3\n",
		"proc/sys/vm/swappiness":    "60\n",
		"sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
		"sys/class/dmi/id/product_name":              "Box 9\n",
		"proc/pressure/memory":                       pressureText(1_000_000, 500_000),
		"proc/pressure/io":                           pressureText(2_000_000, 1_000_000),
		"proc/pressure/cpu":                          pressureText(3_000_000, 0),
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func pressureText(some, full int) string {
	return fmt.Sprintf("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n", some, full)
}

func groupFiles() fstest.MapFS {
	return fstest.MapFS{
		"memory.stat":     {Data: []byte("anon 4096\nfile 3000000\nshmem 1000000\npgfault 100\npgmajfault 40\n")},
		"memory.events":   {Data: []byte("low 0\noom 0\noom_kill 0\n")},
		"memory.peak":     {Data: []byte("104857600\n")},
		"cpu.stat":        {Data: []byte("usage_usec 5000000\nuser_usec 1\n")},
		"memory.pressure": {Data: []byte(pressureText(100_000, 0))},
		"io.pressure":     {Data: []byte(pressureText(0, 0))},
		"cpu.pressure":    {Data: []byte(pressureText(0, 0))},
	}
}

// lab is a machine on which nothing is real. It counts what is up.
type lab struct {
	t      *testing.T
	root   fstest.MapFS
	files  fstest.MapFS // of control groups
	warmed int          // how often applications were warmed up

	mu    sync.Mutex // guards what follows
	up    map[string]int
	order []string // steps that were measured
	max   []int64  // limits that were set

	// What goes wrong, by the name of the cell and how often it was measured before.
	measure  func(ctx context.Context, cell Cell, before int) ([]workload.Metric, error)
	start    func(ctx context.Context) error
	bringUp  error
	down     error
	measured map[Cell]int
	current  Cell
}

func newLab(t *testing.T) *lab {
	return &lab{t: t, root: machineFiles(), files: groupFiles(), up: map[string]int{}, measured: map[Cell]int{}}
}

func (l *lab) add(what string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up[what] += n
}

// quiet fails the test if anything is still up.
func (l *lab) quiet(dir string) {
	l.t.Helper()
	for what, n := range l.up {
		if n != 0 {
			l.t.Errorf("%d of %s are up", n, what)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, groupPrefix+"*")); len(left) > 0 {
		l.t.Errorf("left: %v", left)
	}
}

func (l *lab) system() system {
	return system{
		root:       l.root,
		groups:     func() (groups, error) { l.add("groups", 1); return l, nil },
		dropCaches: func() error { return nil },
		probe: func(a swapArea) (probes, error) {
			if !a.block {
				return nil, errNoBlockDevice
			}
			l.add("probes", 1)
			return &fakeProbes{lab: l}, nil
		},
		grace: 50 * time.Millisecond,
	}
}

func (l *lab) Self() fs.FS  { return l.files }
func (l *lab) Close() error { l.add("groups", -1); return nil }
func (l *lab) Make(string) (group, error) {
	l.add("group", 1)
	return &fakeGroup{l}, nil
}

type fakeGroup struct{ lab *lab }

func (g *fakeGroup) Limit(_ context.Context, bytes int64) error {
	g.lab.max = append(g.lab.max, bytes)
	return nil
}
func (g *fakeGroup) Files() fs.FS  { return g.lab.files }
func (g *fakeGroup) FD() int       { return -1 }
func (g *fakeGroup) Kill() error   { return nil }
func (g *fakeGroup) Remove() error { g.lab.add("group", -1); return nil }

type fakeProbes struct {
	lab   *lab
	count int
}

func (p *fakeProbes) Read() (bpf.Snapshot, error) {
	p.count += 100
	h := &loghist.Histogram{}
	for range p.count {
		h.Record(5000)
	}
	return bpf.Snapshot{Latency: map[bpf.Source]*loghist.Histogram{bpf.Sources[0]: h}}, nil
}
func (p *fakeProbes) Close() error { p.lab.add("probes", -1); return nil }

func (l *lab) workload(name string) workload.Workload {
	return workload.Workload{Name: name, Start: func(ctx context.Context, p workload.Place, _ workload.Size) (workload.Running, error) {
		l.current.Workload = name
		p.Log("start %s", name)
		if l.start != nil {
			if err := l.start(ctx); err != nil {
				return nil, err
			}
		}
		l.add("workload", 1)
		return &fakeRunning{l}, nil
	}}
}

type fakeRunning struct{ lab *lab }

// Warm is part of workload.Warmer.
func (r *fakeRunning) Warm(context.Context, time.Duration) error {
	r.lab.warmed++
	return nil
}

func (r *fakeRunning) Measure(ctx context.Context, _ time.Duration) ([]workload.Metric, error) {
	l := r.lab
	before := l.measured[l.current]
	l.measured[l.current]++
	l.order = append(l.order, l.current.Workload+" "+l.current.Backend)
	if l.measure != nil {
		return l.measure(ctx, l.current, before)
	}
	speed := map[string]float64{Reference: 100, "zram": 50, "disk": 10}[l.current.Backend]
	return []workload.Metric{
		{Name: "rate", Unit: "1/s", Value: speed + float64(before), Higher: true},
		{Name: "p99", Unit: "µs", Value: 1e4 / speed},
	}, nil
}
func (r *fakeRunning) Stop() error { r.lab.add("workload", -1); return nil }

func (l *lab) backend(name string) backend.Backend {
	return backend.Backend{Name: name, Lacks: func(backend.Options) error { return nil }, Up: func(context.Context, backend.Options) (backend.Area, error) {
		if name != Reference && l.bringUp != nil {
			return nil, l.bringUp
		}
		l.current.Backend = name
		l.add("area", 1)
		if name != Reference {
			l.root["proc/swaps"] = &fstest.MapFile{Data: []byte("Filename Type Size Used Priority\n/dev/" + name + " partition 1024 0 -2\n")}
		}
		return &fakeArea{l, name}, nil
	}}
}

type fakeArea struct {
	lab  *lab
	name string
}

func (a *fakeArea) Facts() []backend.Fact { return []backend.Fact{{Name: "kind", Value: a.name}} }
func (a *fakeArea) CPU() (device, donor time.Duration, err error) {
	return time.Second, 2 * time.Second, nil
}

func (a *fakeArea) Down(context.Context) error {
	a.lab.root["proc/swaps"] = &fstest.MapFile{Data: []byte("Filename Type Size Used Priority\n")}
	a.lab.add("area", -1)
	return a.lab.down
}

func testPlan() Plan {
	return Plan{
		Workloads: []string{"gups", "scan"}, Backends: []string{Reference, "zram", "disk"}, Limits: []Limit{75, 50},
		Runs: 2, Warmup: 1, Duration: 1, TimeLimit: 5, Size: workload.Small, Seed: 1,
	}
}

func testEnvironment(t *testing.T) Environment {
	e, err := readEnvironment(machineFiles(), Program{Version: "v1", Commit: "abc", Build: "123", Go: "go1"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// runner is one on the lab, for a plan, with its result file in a folder of its own.
func (l *lab) runner(plan Plan, path string) *Runner {
	l.t.Helper()
	store, err := OpenStore(path, File{Started: time.Unix(1e9, 0).UTC(), Command: "farswap bench run", Plan: plan, Environment: testEnvironment(l.t)})
	if err != nil {
		l.t.Fatal(err)
	}
	r := &Runner{
		Store: store, Dir: filepath.Dir(path), Farswap: "farswap", system: l.system(),
		Log: func(string, ...any) {}, Warn: func(string, ...any) {}, Progress: func(Progress) {},
	}
	for _, name := range plan.Workloads {
		r.Workloads = append(r.Workloads, l.workload(name))
	}
	for _, name := range plan.Backends {
		r.Backends = append(r.Backends, l.backend(name))
	}
	return r
}

var errFake = errors.New("made up")

func failures(f File) (all []string) {
	for _, r := range f.Runs {
		if r.Failed != "" {
			all = append(all, r.Failed)
		}
	}
	return slices.Compact(all)
}
