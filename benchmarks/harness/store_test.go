package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/internal/stats"
)

var update = flag.Bool("update", false, "write the golden file anew")

// goldenFile is a small result file with something of everything.
func goldenFile() File {
	plan := Plan{
		Workloads: []string{"gups"}, Backends: []string{Reference, "zram"}, Limits: []Limit{50},
		Runs: 5, Warmup: 1, Duration: 30, TimeLimit: 600, Size: workload.Small, Seed: 1,
	}
	f := File{
		Schema: Schema, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Command: "farswap bench run --workload gups",
		Environment: Environment{Kernel: "7.3", Architecture: "amd64", CPU: "Fast CPU", CPUs: 2, Memory: 4 << 30, OtherSwaps: []string{}, Program: Program{Version: "v1", Build: "123", Go: "go1"}},
		Plan:        plan, Peaks: []Peak{{Workload: "gups", Bytes: 100 << 20, File: 4096, Seconds: 3}}, Runs: []Run{},
	}
	for i, s := range plan.Steps() {
		run := Run{Step: s, Started: f.Started.Add(time.Duration(i) * time.Minute), Seconds: 10}
		if !s.Warmup {
			speed, latency := 100.0, &loghist.Histogram{}
			if s.Backend != Reference {
				speed, run.MemoryMax, run.SwapSize = 50, s.Limit.Bytes(100<<20), SwapSize(100<<20)
				run.Facts = []backend.Fact{{Name: "algorithm", Value: "lzo-rle"}}
				for j := range 100 {
					latency.Record(int64(1000 * (j + 1)))
				}
				run.Latencies = Latencies{"fault": latency}
			}
			run.Fill = 1.5
			run.Metrics = []workload.Metric{{Name: "rate", Unit: "updates/s", Value: speed + float64(i), Higher: true}, {Name: "time", Unit: "s", Value: 10 / speed}}
			run.Counters = &Counters{Seconds: 2, MajorFaults: 100, SwapIn: 300, SwapOut: 400, CPU: CPU{Available: 4, Application: 1, Device: 0.5}, Group: &Pressure{MemorySome: 1}}
		}
		switch i {
		case 5:
			run.Disturbed = []string{"other processes took 10.0% of the processors' time"}
		case 3:
			run = Run{Step: s, Started: run.Started, Seconds: 10, Failed: "measure gups: made up", Log: []string{"a line"}}
		}
		f.Runs = append(f.Runs, run)
	}
	f.Rows, f.Costs = Rows(f), Costs(f)
	return f
}

// TestGolden: the JSON is what others read.
func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result.json")
	s := Store{goldenFile(), path}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/result.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the result file has changed: add fields, rename none; if it is right, run with -update\n%s", got)
	}
	var back struct {
		Rows []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal(got, &back); err != nil || len(back.Rows) != 4 {
		t.Fatalf("%d rows, %v", len(back.Rows), err)
	}
	for _, row := range back.Rows {
		for _, key := range strings.Fields("workload backend limit metric unit median low high runs") {
			if row[key] == nil {
				t.Errorf("%v lacks %s", row, key)
			}
		}
	}
}

func TestSummary(t *testing.T) {
	f := goldenFile()
	zram := f.Rows[2]
	if zram.Backend != "zram" || zram.Limit != 50 || zram.Metric != "rate" || zram.Runs != 5 || zram.Failed != 0 {
		t.Fatalf("%+v", zram)
	}
	if none := f.Rows[0]; none.Ratio != nil || none.Runs != 4 || none.Failed != 1 || none.Low > none.Median || none.Median > none.High {
		t.Errorf("%+v", none)
	}
	// The reference has four runs only.
	if zram.Ratio == nil || zram.Ratio.Verdict != stats.TooFewRuns || zram.Ratio.Value < 0.4 || zram.Ratio.Value > 0.7 {
		t.Errorf("%+v", zram.Ratio)
	}
	// Less time is better: twice the time is half as good.
	if late := f.Rows[3]; late.Ratio == nil || late.Ratio.Value != 0.5 {
		t.Errorf("%+v", late.Ratio)
	}
	cost := f.Costs[1]
	if cost.Runs != 5 || cost.MajorFaults != 100 || cost.Waiting != 0.5 || cost.CPU.Device != 0.25 || cost.Latencies["fault"].Count() != 500 {
		t.Errorf("%+v", cost)
	}
	if none := f.Costs[0]; none.Failed != 1 || len(none.Reasons) == 0 {
		t.Errorf("%+v", none)
	}
}

func TestCompare(t *testing.T) {
	scaled := func(by float64) File {
		f := goldenFile()
		for i := range f.Runs {
			metrics := append([]workload.Metric{}, f.Runs[i].Metrics...)
			for j := range metrics {
				if metrics[j].Higher && f.Runs[i].Backend == "zram" {
					metrics[j].Value *= by
				}
			}
			f.Runs[i].Metrics = metrics
		}
		return f
	}
	for _, c := range []struct {
		by, tolerance float64
		verdict       stats.Verdict
		regressed     bool
	}{
		{1, 0.05, stats.NoDifference, false},
		{0.5, 0.05, stats.Slower, true},
		{0.5, 0.6, stats.Slower, false},
		{2, 0.05, stats.Faster, false},
	} {
		got := Compare(scaled(1), scaled(c.by), c.tolerance)
		if len(got.Changes) != 4 || len(got.Differs) != 0 {
			t.Fatalf("%+v", got)
		}
		zram := got.Changes[2]
		if zram.Ratio.Verdict != c.verdict || zram.Regression != c.regressed || got.Regressed() != c.regressed || zram.New != c.by*zram.Old {
			t.Errorf("by %v: %+v %+v", c.by, zram, zram.Ratio)
		}
	}
	other := goldenFile()
	other.Environment.Kernel, other.Plan.Duration = "6.12", 10
	other.Runs = other.Runs[:2] // warm-ups only
	got := Compare(other, goldenFile(), 0.05)
	if len(got.Changes) != 0 || len(got.Differs) != 2 {
		t.Errorf("%+v", got)
	}
}

// TestDamaged: what is not a whole result file is refused, and stays as it is.
func TestDamaged(t *testing.T) {
	good, err := os.ReadFile("testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, now string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("the golden file lacks %s", old)
		}
		return bytes.Replace(good, []byte(old), []byte(now), 1)
	}
	for name, data := range map[string][]byte{
		"empty":           {},
		"cut":             good[:len(good)/2],
		"followed":        append(bytes.Clone(good), "{}"...),
		"another schema":  replaced(`"schema": 1`, `"schema": 2`),
		"no schema":       replaced(`"schema": 1`, `"sch": 1`),
		"unknown field":   replaced(`"command"`, `"comand"`),
		"bad plan":        replaced(`"runs": 5`, `"runs": 0`),
		"foreign run":     replaced(`"round": 2`, `"round": 99`),
		"run twice":       replaced(`"round": 3`, `"round": 2`),
		"bad limit":       replaced(`"50%"`, `"500%"`),
		"other document":  []byte(`{"name":"zram"}`),
		"not JSON at all": []byte("hello"),
	} {
		path := filepath.Join(t.TempDir(), "result.json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenStore(path, goldenFile())
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
			t.Errorf("%s: the file was touched", name)
		}
	}
}

func TestOtherPlan(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*File)
		part   string
	}{
		{"runs", func(f *File) { f.Plan.Runs = 6 }, "runs 5 there, 6 here"},
		{"limits", func(f *File) { f.Plan.Limits = []Limit{50, 25} }, "limits [50%] there, [50% 25%] here"},
		{"kernel", func(f *File) { f.Environment.Kernel = "6.12" }, "kernel 7.3 there, 6.12 here"},
	} {
		now := goldenFile()
		c.change(&now)
		_, err := OpenStore("testdata/result.json", now)
		if !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), c.part) || !strings.Contains(err.Error(), "begin anew") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s, err := OpenStore("testdata/result.json", goldenFile())
	if err != nil || len(s.Todo()) != 0 {
		t.Errorf("%v", err)
	}
}
