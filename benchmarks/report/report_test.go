package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/internal/stats"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample has every kind of cell: with and without ratio, verdicts, failures, latencies,
// and names that have to be escaped.
func sample(t *testing.T) harness.File {
	t.Helper()
	file, err := harness.Load("../harness/testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	file.Plan.Workloads = append(file.Plan.Workloads, "pagerank")
	file.Plan.Backends = append(file.Plan.Backends, "disk", "farswap-tcp-remote-only")
	file.Plan.Limits = []harness.Limit{75, 50}
	file.Plan.Warmup = 0
	file.Command = `farswap bench run --workload "<gups>|x"`
	file.Peaks = append(file.Peaks, harness.Peak{Workload: "pagerank", Bytes: 1 << 30, File: 1 << 28})
	file.Runs = nil
	for i, s := range file.Plan.Steps() {
		run := harness.Run{Step: s, Seconds: 3, Fill: 1}
		speed := map[string]float64{"none": 1000, "zram": 700, "disk": 1.25, "farswap-tcp-remote-only": 480}[s.Backend] * (1 + float64(i%7)/100)
		run.Metrics = []workload.Metric{
			{Name: "rate", Unit: "updates/s", Value: speed, Higher: true},
			{Name: "p99", Unit: "µs", Value: 3e5 / speed},
			{Name: "misses", Unit: "op"},
		}
		run.Counters = &harness.Counters{Seconds: 2, MajorFaults: int64(1e6 / speed), Group: &harness.Pressure{MemorySome: 0.5}}
		if s.Backend != harness.Reference {
			h := &loghist.Histogram{}
			for j := range 4000 {
				h.Record(int64(5e7/speed) + int64(j*j))
			}
			run.Latencies = harness.Latencies{"fault": h}
		}
		if s.Workload == "pagerank" && s.Backend == "disk" {
			run = harness.Run{Step: s, Failed: "not done within the time limit of 10m0s <still> measuring"}
		}
		file.Runs = append(file.Runs, run)
	}
	file.Rows, file.Costs = harness.Rows(file), harness.Costs(file)
	return file
}

// figures are all that a reader of a report has to find.
func figures(f harness.File) []string {
	all := []string{f.Environment.CPU, f.Environment.Kernel, f.Environment.Program.Build, "time limit of 10m0s"}
	for _, r := range f.Rows {
		limit, backend := who(r.Cell)
		all = append(all, r.Workload, limit, backend, r.Metric, r.Unit, figure(r.Median), figure(r.Low), figure(r.High))
		if r.Ratio != nil {
			all = append(all, times(r.Ratio.Value), bare(r.Ratio.Low), bare(r.Ratio.High), string(r.Ratio.Verdict))
		}
	}
	for _, c := range f.Costs {
		if c.Runs > 0 {
			all = append(all, percent(c.Waiting), quantile(c.Latencies["fault"], 0.99))
		}
	}
	return all
}

func TestAllFiguresAppear(t *testing.T) {
	f := sample(t)
	for name, write := range map[string]func(io.Writer, harness.File) error{"text": Text, "markdown": Markdown, "html": HTML} {
		var out bytes.Buffer
		if err := write(&out, f); err != nil {
			t.Fatal(err)
		}
		for _, want := range figures(f) {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
}

// TestHTML: the page is well-formed, asks for nothing from elsewhere, and has its plots.
func TestHTML(t *testing.T) {
	var out bytes.Buffer
	if err := HTML(&out, sample(t)); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	d := xml.NewDecoder(strings.NewReader(page))

	d.Entity = xml.HTMLEntity
	count := map[string]int{}
	ids := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		count[start.Name.Local]++
		for _, a := range start.Attr {
			switch name := strings.ToLower(a.Name.Local); {
			case name == "id":
				ids["#"+a.Value] = true
			case name == "src" || name == "style" || strings.HasPrefix(name, "on"):
				t.Errorf("<%s %s=%q>", start.Name.Local, name, a.Value)
			}
			if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") || strings.Contains(a.Value, "ZgotmplZ") {
				t.Errorf("<%s %s=%q>", start.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
	for _, name := range []string{"script", "link", "img", "iframe"} {
		if count[name] > 0 {
			t.Errorf("%d <%s>", count[name], name)
		}
	}
	if regexp.MustCompile(`url\(|@import|https?://`).MatchString(page) {
		t.Error("the page asks for something")
	}
	for _, ref := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !ids[ref[1]] {
			t.Errorf("%s leads nowhere", ref[1])
		}
	}
	// Two metrics with ratios for each workload, latencies for each limit; a caption each.
	if n := strings.Count(page, `role="img"`); n != 2*2+2*2 {
		t.Errorf("%d plots", n)
	}
	if count["caption"] != strings.Count(page, "<table>") {
		t.Errorf("%d captions of %d tables", count["caption"], strings.Count(page, "<table>"))
	}
	if !strings.Contains(page, `&lt;gups&gt;|x`) || !strings.Contains(page, `&lt;still&gt;`) {
		t.Error("names are not escaped")
	}
	if !strings.Contains(page, "<small>failed</small>") {
		t.Error("what failed is not to be seen at a glance")
	}
}

// TestNothingYet: a plan without a single run can be shown.
func TestNothingYet(t *testing.T) {
	f := sample(t)
	f.Runs, f.Rows, f.Costs, f.Peaks = nil, nil, nil, nil
	for _, write := range []func(io.Writer, harness.File) error{Text, Markdown, HTML} {
		var out bytes.Buffer
		if err := write(&out, f); err != nil || !strings.Contains(out.String(), "are missing: the plan was not run to its end") {
			t.Errorf("%v: %s", err, out.String())
		}
	}
}

func TestGolden(t *testing.T) {
	f, err := harness.Load("../harness/testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(io.Writer, harness.File) error{"text": Text, "markdown.md": Markdown} {
		var out bytes.Buffer
		if err := write(&out, f); err != nil {
			t.Fatal(err)
		}
		golden := "testdata/" + name
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("%s has changed; if it is right, run with -update:\n%s", golden, out.String())
		}
	}
}

func TestChanges(t *testing.T) {
	interval := stats.Interval{Value: 0.5, Low: 0.4, High: 0.6, Runs: 5}
	c := harness.Comparison{Differs: []string{"kernel 7.3 there, 6.12 here"}, Tolerance: 0.05, Changes: []harness.Change{
		{Cell: harness.Cell{Workload: "gups", Backend: "zram", Limit: 50}, Metric: "rate", Unit: "updates/s", Old: 100, New: 50, Ratio: &harness.Ratio{Interval: interval, Verdict: stats.Slower}, Regression: true},
		{Cell: harness.Cell{Workload: "gups", Backend: "none", Limit: 100}, Metric: "misses", Unit: "op"},
	}}
	var out bytes.Buffer
	if err := ChangesText(&out, c); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"not the same: kernel 7.3", "REGRESSION", "0.50× (0.40 to 0.60)", "2 metrics, 1 regression beyond a tolerance of 5.0%"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%s lacks %q", out.String(), part)
		}
	}
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.5: "0.500", 0.0123: "0.0123", 0.00001: "1.00e-05", 1.5: "1.5", 12.34: "12.3", 950: "950", 13900: "13.9k", 1.24e6: "1.24M", -2: "-2"} {
		if got := figure(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0×", 0.001: "0.001×", 0.0425: "0.043×", 0.5: "0.50×", 1: "1.00×", 12.345: "12.3×", 250: "250×"} {
		if got := times(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
	if percent(0.05) != "5.0%" || percent(1.5) != "150%" || percent(0) != "0%" {
		t.Errorf("%s %s %s", percent(0.05), percent(1.5), percent(0))
	}
}

func TestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.Float64Range(1, 1e6).Draw(t, "most")
		step, end := scale(most)
		if n := end / step; end < most*(1-1e-9) || n < 1 || n > 5 || math.Abs(n-math.Round(n)) > 1e-9 {
			t.Fatalf("up to %v: %v in steps of %v", most, end, step)
		}
	})
}
