package pathmodel

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/stats"
)

// turnOf is a turn of count pages in a second.
func turnOf(count int64, u ...used) turn {
	t := turn{burst: burst{count: count, seconds: 1}}
	copy(t.used[:], u)
	for range count {
		t.latency.Record(10_000)
	}
	return t
}

func TestRatios(t *testing.T) {
	of := func(counts ...int64) (all []turn) {
		for _, n := range counts {
			all = append(all, turnOf(n))
		}
		return all
	}
	for _, c := range []struct {
		ours, theirs []turn
		want         stats.Interval
	}{
		{of(100), of(50), stats.Interval{Value: 2, Low: 2, High: 2, Runs: 1}},
		{of(90, 110, 100), of(200, 200, 200), stats.Interval{Value: 0.5, Low: 0.45, High: 0.55, Runs: 3}},
		{of(100, 100, 100), of(50, 100, 200), stats.Interval{Value: 1, Low: 0.5, High: 2, Runs: 3}},
	} {
		own, other := Figures{P50NS: 10, CPUNS: PerPage{1, 2, 1}}, Figures{Name: Nbdkit, P50NS: 5, CPUNS: PerPage{4, 1, 3}}
		if got := newRatio(c.ours, own, c.theirs, other); got != (Ratio{Nbdkit, c.want, 0.5, 2}) {
			t.Errorf("%v over %v: %+v", rates(c.ours), rates(c.theirs), got)
		}
	}
}

func TestFigures(t *testing.T) {
	turns := []turn{
		turnOf(100, used{cpu: 1000, switches: 100}, used{cpu: 2000}, used{cpu: 3000, switches: 300}),
		turnOf(300, used{cpu: 3000, switches: 300}, used{cpu: 6000}, used{cpu: 9000, switches: 900}),
	}
	counted := turnOf(10, used{calls: 20}, used{calls: 10}, used{calls: 21})
	f := newFigures(Farswap, turns, &counted)
	if f.Pages != 400 || f.PagesPerSecond.Value != 200 || f.PagesPerSecond.Low != 100 || f.PagesPerSecond.High != 300 {
		t.Errorf("%+v", f)
	}
	if f.CPUNS != (PerPage{10, 20, 30}) || f.Switches != (PerPage{1, 0, 3}) || *f.Calls != (PerPage{2, 1, 2.1}) || f.CPUNS.Sum() != 60 {
		t.Errorf("%+v, calls %+v", f, f.Calls)
	}
	if f.P50NS < 9_000 || f.P99NS > 11_000 {
		t.Errorf("p50 %d, p99 %d of 10 µs", f.P50NS, f.P99NS)
	}
	if newFigures(Farswap, turns, nil).Calls != nil {
		t.Error("what was not counted has a figure")
	}
}

func testResult() Result {
	f := newFigures(Farswap, []turn{turnOf(100, used{cpu: 150_000, switches: 100})}, nil)
	n := newFigures(NbdMinimal, []turn{turnOf(50, used{cpu: 150_000, switches: 100})}, nil)
	counted := turnOf(10, used{calls: 20}, used{calls: 10}, used{calls: 21})
	m := newFigures(NbdMinimal, []turn{turnOf(50)}, &counted)
	return Result{
		Host: Host{Kernel: "6.1", CPUs: 2}, Settings: Settings{Seconds: 1, Turns: 1, Size: MinSize, CPUs: []int{0, 1}, Seal: "off"},
		NotCounted: "no tracepoint", LeftOut: "nbd-nbdkit: nbdkit is not installed",
		Cells: []CellResult{
			{Cell{One, 1, Read}, []Figures{f, n}, []Ratio{newRatio([]turn{turnOf(100)}, f, []turn{turnOf(50)}, n)}},
			{Cell{Apart, 8, Write}, []Figures{f, m}, nil},
		},
	}
}

func TestText(t *testing.T) {
	var out strings.Builder
	if err := testResult().WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Left out: nbd-nbdkit: nbdkit is not installed.\n", "No system calls: no tracepoint.\n",
		"all on one CPU, 1 thread, reads\n", "the device on another CPU, 8 threads, writes\n",
		"2.00× (2.00 to 2.00)", "1.00×   2.00×", "100 (100 to 100)", "1.50 + 0.00 + 0.00 = 1.50", "2.00 + 1.00 + 2.10 = 5.10", "plain priority, the device a thread beside the application",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// TestJSONKeys holds the names of the figures: they are a contract.
func TestJSONKeys(t *testing.T) {
	text, err := json.Marshal(testResult())
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, testResult()) {
		t.Errorf("%v: %s", err, text)
	}
	for _, key := range []string{
		"host", "kernel", "cpus", "load_begin", "load_end", "settings", "seconds", "turns", "size", "seal", "realtime", "device_process", "not_counted", "left_out",
		"cells", "mode", "threads", "op", "contenders", "name", "pages", "pages_per_second", "value", "low", "high", "runs", "p50_ns", "p99_ns",
		"cpu_ns_per_page", "switches_per_page", "calls_per_page", "application", "device", "server", "ratios", "over", "p50", "cpu",
	} {
		if !strings.Contains(string(text), `"`+key+`":`) {
			t.Errorf("no key %q in %s", key, text)
		}
	}
}
