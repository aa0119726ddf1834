package harness

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunner(t *testing.T) {
	l, dir := newLab(t), t.TempDir()
	path := filepath.Join(dir, "result.json")
	r := l.runner(testPlan(), path)
	var said []Progress
	r.Progress = func(p Progress) { said = append(said, p) }
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.quiet(dir)
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	// Two workloads: a peak each, then (1 + 2·2) cells, three times.
	if len(l.order) != 2*(1+5*3) || len(f.Runs) != 30 || len(f.Peaks) != 2 {
		t.Fatalf("%d measured, %d runs, peaks %+v", len(l.order), len(f.Runs), f.Peaks)
	}
	if want := 2 * 4 * 3; l.warmed != want { // all but the peaks and the reference
		t.Errorf("%d warmed up, want %d", l.warmed, want)
	}
	if p := f.Peaks[0]; p.Workload != "gups" || p.Bytes != 100<<20 || p.File != 2000000 {
		t.Errorf("peak %+v", p)
	}
	for _, run := range f.Runs {
		if run.Failed != "" || run.Warmup != (run.Metrics == nil) || run.Warmup != (run.Counters == nil) {
			t.Errorf("%+v", run)
		}
		if want := map[bool]int64{true: 0, false: run.Limit.Bytes(100 << 20)}[run.Backend == Reference]; run.MemoryMax != want {
			t.Errorf("%v has a limit of %d, want %d", run.Step, run.MemoryMax, want)
		}
		if swaps := run.Backend != Reference; !run.Warmup && swaps != (run.Latencies["fault"] != nil) {
			t.Errorf("%v: latencies %v", run.Step, run.Latencies)
		}
	}
	for _, p := range said {
		if p.Of != 30 || p.Run < 1 || p.Run > 30 || p.What == "" || p.Phase == "" {
			t.Fatalf("%+v", p)
		}
	}
	if last := said[len(said)-1]; last.Run != 30 || !last.Known || last.Whole <= 0 || last.Later != 0 || last.Ran <= 0 || last.Ran > last.Elapsed {
		t.Errorf("at the end %+v", last)
	}
	row := f.Rows[2] // gups, zram, 75%, rate
	if row.Cell != (Cell{"gups", "zram", 75}) || row.Metric != "rate" || row.Runs != 2 || row.Ratio == nil || row.Ratio.Verdict != stats.TooFewRuns || row.Ratio.Value > 0.6 {
		t.Errorf("%+v", row)
	}
}

// TestResume: a plan that is cut after any number of measurements and gone on with ends
// like one that was not.
func TestResume(t *testing.T) {
	plan := testPlan()
	plan.Workloads = plan.Workloads[:1]
	for cut := range 16 {
		l, dir := newLab(t), t.TempDir()
		path := filepath.Join(dir, "result.json")
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		l.measure = func(ctx context.Context, _ Cell, _ int) ([]workload.Metric, error) {
			if n++; n == cut+1 {
				cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return []workload.Metric{{Name: "rate", Unit: "1/s", Value: 1, Higher: true}}, nil
		}
		if err := l.runner(plan, path).Run(ctx); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		l.quiet(dir)
		before := 0
		if f, err := Load(path); err == nil {
			before = len(f.Runs)
		} else if cut > 0 { // the peak was measured
			t.Fatal(err)
		}
		if want := max(cut-1, 0); before != want {
			t.Errorf("cut at %d: %d runs kept, want %d", cut, before, want)
		}
		if err := l.runner(plan, path).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.quiet(dir)
		f, err := Load(path)
		if err != nil || len(f.Runs) != 15 || n != 17 { // the peak, 15 runs, and the one that was cut
			t.Errorf("cut at %d: %d runs, %d measured, %v", cut, len(f.Runs), n, err)
		}
		for i, step := range plan.Steps() {
			if f.Runs[i].Step != step || f.Runs[i].Failed != "" {
				t.Errorf("cut at %d: run %d is %+v", cut, i, f.Runs[i])
			}
		}
		// And a plan that is done has nothing left to do.
		if err := l.runner(plan, path).Run(t.Context()); err != nil || n != 17 {
			t.Errorf("run again: %d measured, %v", n, err)
		}
	}
}

// TestFailures: what goes wrong with runs is recorded, and the plan goes on.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(*lab)
		failed int
		parts  string
	}{
		{"wrong results", func(l *lab) {
			l.measure = func(_ context.Context, c Cell, _ int) ([]workload.Metric, error) {
				if c.Backend == "disk" {
					return nil, errFake
				}
				return []workload.Metric{{Name: "rate", Value: 1}}, nil
			}
		}, 6, "measure gups: made up"},
		{"not a number", func(l *lab) {
			l.measure = func(_ context.Context, c Cell, before int) ([]workload.Metric, error) {
				v := 1.0
				if c.Backend == "zram" {
					v -= float64(before + 1)
					v /= 0 * v
				}
				return []workload.Metric{{Name: "rate", Value: v}}, nil
			}
		}, 6, "rate is NaN"},
		{"no metrics", func(l *lab) {
			l.measure = func(context.Context, Cell, int) ([]workload.Metric, error) { return nil, nil }
		}, 15, "no peak: |there are none"},
		{"no backend", func(l *lab) { l.bringUp = errFake }, 12, "bring up zram: made up"},
		{"killed", func(l *lab) {
			l.files["memory.events"] = &fstest.MapFile{Data: []byte("oom_kill 2\n")}
			l.measure = func(_ context.Context, c Cell, _ int) ([]workload.Metric, error) {
				if c.Backend != Reference {
					return nil, errFake
				}
				return []workload.Metric{{Name: "rate", Value: 1}}, nil
			}
		}, 12, "killed 2 of its processes"},
		{"counters gone", func(l *lab) {
			l.measure = func(_ context.Context, c Cell, _ int) ([]workload.Metric, error) {
				if c.Backend == "disk" {
					delete(l.files, "cpu.stat")
				}
				return []workload.Metric{{Name: "rate", Value: 1}}, nil
			}
		}, 13, "read counters|cpu.stat"},
		{"too slow", func(l *lab) {
			l.measure = func(ctx context.Context, c Cell, _ int) ([]workload.Metric, error) {
				if c.Backend == "disk" {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return []workload.Metric{{Name: "rate", Value: 1}}, nil
			}
		}, 6, "time limit of 20ms|measuring"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, dir := newLab(t), t.TempDir()
			c.spoil(l)
			plan := testPlan()
			plan.Workloads = plan.Workloads[:1]
			plan.Duration = 0.001
			if c.name == "too slow" {
				plan.TimeLimit = 0.02
			}
			path := filepath.Join(dir, "result.json")
			if err := l.runner(plan, path).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.quiet(dir)
			f, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for _, r := range f.Runs {
				if r.Failed != "" {
					failed++
					if r.Metrics != nil || r.Counters != nil {
						t.Errorf("a failed run has figures: %+v", r)
					}
				}
			}
			if len(f.Runs) != 15 || failed != c.failed {
				t.Errorf("%d runs, %d failed, want 15 and %d: %q", len(f.Runs), failed, c.failed, failures(f))
			}
			for _, part := range strings.Split(c.parts, "|") {
				if all := strings.Join(failures(f), "\n"); !strings.Contains(all, part) {
					t.Errorf("%q lacks %q", all, part)
				}
			}
		})
	}
}

// TestLeft: what cannot be taken down ends the plan.
func TestLeft(t *testing.T) {
	l, dir := newLab(t), t.TempDir()
	l.down = errFake
	err := l.runner(testPlan(), filepath.Join(dir, "result.json")).Run(t.Context())
	if !errors.Is(err, ErrLeft) || !errors.Is(err, errFake) {
		t.Errorf("%v", err)
	}
	if len(l.order) != 1 {
		t.Errorf("%d measured", len(l.order))
	}
}

// TestStuck: a workload that does not come back ends the plan, after swap was taken down.
func TestStuck(t *testing.T) {
	l, dir := newLab(t), t.TempDir()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	l.start = func(context.Context) error { <-release; return errFake }
	plan := testPlan()
	plan.Duration, plan.TimeLimit = 0.001, 0.02
	if err := l.runner(plan, filepath.Join(dir, "result.json")).Run(t.Context()); !errors.Is(err, ErrStuck) {
		t.Errorf("%v", err)
	}
	l.quiet(dir)
}

func TestOtherSwap(t *testing.T) {
	l, dir := newLab(t), t.TempDir()
	l.root["proc/swaps"] = &fstest.MapFile{Data: []byte("Filename Type Size Used Priority\n/dev/sda2 partition 1024 0 -2\n")}
	path := filepath.Join(dir, "result.json")
	r := l.runner(testPlan(), path)
	if err := r.Run(t.Context()); !errors.Is(err, ErrOtherSwap) || !strings.Contains(err.Error(), "/dev/sda2") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a result file was made")
	}
	r.OtherSwap = true
	if err := r.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestProbesAreMissedOnce: for each backend it is said once.
func TestProbesAreMissedOnce(t *testing.T) {
	l, dir := newLab(t), t.TempDir()
	r := l.runner(testPlan(), filepath.Join(dir, "result.json"))
	r.system.probe = func(swapArea) (probes, error) { return nil, errFake }
	warned := 0
	r.Warn = func(format string, args ...any) { warned++ }
	if err := r.Run(t.Context()); err != nil || warned != 2 {
		t.Errorf("warned %d times, %v", warned, err)
	}
	l.quiet(dir)
}

func TestOrderTurns(t *testing.T) {
	l, dir := newLab(t), t.TempDir()
	plan := testPlan()
	plan.Workloads, plan.Limits = plan.Workloads[:1], plan.Limits[:1]
	if err := l.runner(plan, filepath.Join(dir, "result.json")).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("none none zram disk zram disk none disk none zram") // the peak first
	for i := range l.order {
		l.order[i] = strings.TrimPrefix(l.order[i], "gups ")
	}
	if !slices.Equal(l.order, want) {
		t.Errorf("%v, want %v", l.order, want)
	}
}

// TestStoreIsWhole: at any moment the file can be read, and nothing lies beside it.
func TestStoreIsWhole(t *testing.T) {
	l, dir := newLab(t), t.TempDir()
	path := filepath.Join(dir, "result.json")
	r := l.runner(testPlan(), path)
	r.Progress = func(Progress) {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if _, err := parseFile(data); err != nil || !bytes.HasSuffix(data, []byte("}\n")) {
			t.Errorf("%v", err)
		}
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%v", files)
	}
}

func TestLeftTime(t *testing.T) {
	cell := func(w, b string, l Limit) Cell { return Cell{w, b, l} }
	runs := []Run{
		{Step: Step{Cell: cell("a", "x", 50)}, Seconds: 10},
		{Step: Step{Cell: cell("a", "x", 50)}, Seconds: 20},
		{Step: Step{Cell: cell("a", "x", 25)}, Seconds: 90},
		{Step: Step{Cell: cell("a", "y", 50)}, Seconds: 1},
	}
	for _, c := range []struct {
		step Cell
		want time.Duration
	}{
		{cell("a", "x", 50), 15 * time.Second}, // the same cell
		{cell("a", "x", 75), 20 * time.Second}, // workload and backend
		{cell("a", "z", 50), 15 * time.Second}, // workload
		{cell("b", "z", 50), 15 * time.Second}, // all
	} {
		if got, known := Left(runs, []Step{{Cell: c.step}}); !known || got != c.want {
			t.Errorf("%v: %v, %v, want %v", c.step, got, known, c.want)
		}
	}
	if _, known := Left(nil, []Step{{}}); known {
		t.Error("known before the first run")
	}
	if left, known := Left(nil, nil); left != 0 || !known {
		t.Error("nothing left takes time")
	}
}
