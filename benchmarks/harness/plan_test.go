package harness

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/benchmarks/workload"
)

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]Limit{"50%": 50, "100": 100, "1%": 1} {
		if got, err := ParseLimit(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "0%", "101%", "-5%", "50%%", "half", "5e1"} {
		if got, err := ParseLimit(text); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestLimitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limit(rapid.IntRange(1, 100).Draw(t, "limit"))
		data, err := json.Marshal(l)
		var back Limit
		if err := errors.Join(err, json.Unmarshal(data, &back)); err != nil || back != l {
			t.Fatalf("%v is %s is %v, %v", l, data, back, err)
		}
		peak := rapid.Int64Range(4096, math.MaxInt64).Draw(t, "peak")
		b := l.Bytes(peak)
		if b%4096 != 0 || b < 4096 || b > peak {
			t.Fatalf("%v of %d is %d", l, peak, b)
		}
		if exact := float64(peak) * float64(l) / 100; math.Abs(float64(b)-exact) > 8192+exact*1e-9 {
			t.Fatalf("%v of %d is %d, not about %f", l, peak, b, exact)
		}
		if peak < 1<<50 {
			if s := SwapSize(peak); s%swapUnit != 0 || s < peak+peak/4 || s < 4*swapUnit || s > peak+peak/4+4*swapUnit {
				t.Fatalf("swap of %d for a peak of %d", s, peak)
			}
		}
	})
}

func TestValidate(t *testing.T) {
	if err := testPlan().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Plan){
		"no workload":         func(p *Plan) { p.Workloads = nil },
		"workload twice":      func(p *Plan) { p.Workloads = []string{"a", "b", "a"} },
		"no reference":        func(p *Plan) { p.Backends = []string{"zram"} },
		"reference later":     func(p *Plan) { p.Backends = []string{"zram", Reference} },
		"backend twice":       func(p *Plan) { p.Backends = []string{Reference, "zram", "zram"} },
		"no limit":            func(p *Plan) { p.Limits = nil },
		"limit of nothing":    func(p *Plan) { p.Limits = []Limit{0} },
		"limit above all":     func(p *Plan) { p.Limits = []Limit{101} },
		"limit twice":         func(p *Plan) { p.Limits = []Limit{50, 25, 50} },
		"no run":              func(p *Plan) { p.Runs = 0 },
		"too many runs":       func(p *Plan) { p.Runs = maxRuns + 1 },
		"negative warm-up":    func(p *Plan) { p.Warmup = -1 },
		"no duration":         func(p *Plan) { p.Duration = 0 },
		"duration over limit": func(p *Plan) { p.Duration = p.TimeLimit + 1 },
		"endless":             func(p *Plan) { p.TimeLimit = 1e6 },
		"size":                func(p *Plan) { p.Size = "huge" },
	} {
		p := testPlan()
		spoil(&p)
		if err := p.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSteps: each cell has its runs, each round has each cell once, and the backends of a
// limit stand together, each of them first in turn.
func TestSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d"}
		p := Plan{
			Workloads: names[:rapid.IntRange(1, 4).Draw(t, "workloads")],
			Backends:  append([]string{Reference}, names[:rapid.IntRange(0, 4).Draw(t, "backends")]...),
			Limits:    []Limit{100, 75, 50, 25}[:rapid.IntRange(1, 4).Draw(t, "limits")],
			Runs:      rapid.IntRange(1, 7).Draw(t, "runs"), Warmup: rapid.IntRange(0, 2).Draw(t, "warm-ups"),
			Duration: 1, TimeLimit: 1, Size: workload.Small,
		}
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		steps, cells := p.Steps(), p.Cells()
		if len(steps) != len(cells)*(p.Runs+p.Warmup) {
			t.Fatalf("%d steps of %d cells", len(steps), len(cells))
		}
		for round := range p.Runs + p.Warmup {
			part := steps[round*len(cells) : (round+1)*len(cells)]
			for _, c := range cells {
				want := Step{c, round + 1, round < p.Warmup}
				if !slices.Contains(part, want) {
					t.Fatalf("round %d lacks %v", round+1, c)
				}
			}
			if first := part[0]; first.Backend != p.Backends[round%len(p.Backends)] {
				t.Fatalf("round %d begins with %v", round+1, first)
			}
			for i := 1; i < len(part); i++ {
				if part[i].Workload < part[i-1].Workload {
					t.Fatalf("round %d is not by workload: %v", round+1, part)
				}
			}
		}
	})
}
