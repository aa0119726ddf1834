package sim

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// slowMachine is the paper's cluster with a machine that is slow for some minutes.
func slowMachine(t *testing.T, byLatency bool, change func(*Latency)) Config {
	t.Helper()
	l := DefaultLatency()
	l.From, l.For = 600, 180
	if change != nil {
		change(&l)
	}
	c := DefaultConfig(paper(t))
	c.Workload.Cluster.Hours, c.Workload.Cluster.Warmup = 0.3, 300
	c.Latency, c.ByLatency = &l, byLatency
	return c
}

func TestSlowMachine(t *testing.T) {
	t.Parallel()
	with := run(t, slowMachine(t, true, nil)).Latency
	without := run(t, slowMachine(t, false, nil)).Latency
	t.Logf("%d hot slabs, found after %d s, gone after %d s, well after %d s, used after %d s, %d moves", with.HotBefore, with.FoundAfter, with.GoneAfter, with.WellAfter, with.UsedAfter, with.Moves)
	if with.HotBefore < 5 || with.FoundAfter < 10 || with.FoundAfter > 20 || with.GoneAfter < 0 || with.GoneAfter > 60 {
		t.Errorf("%d hot slabs, found after %d s, gone after %d s", with.HotBefore, with.FoundAfter, with.GoneAfter)
	}
	if with.WellAfter < 10 || with.WellAfter > 60 || with.UsedAfter < 0 {
		t.Errorf("well after %d s, used after %d s", with.WellAfter, with.UsedAfter)
	}
	if with.MostMoves > 2 || with.Wrong > 0 {
		t.Errorf("a slab moved %d times, %d moves were wrong", with.MostMoves, with.Wrong)
	}
	if without.Moves != 0 || without.HotBefore == 0 {
		t.Errorf("the paper's placement: %d moves of %d hot slabs", without.Moves, without.HotBefore)
	}
	worst := func(r *LatencyResult) float64 { // in the last minute that the machine is slow
		p99 := 0.0
		for _, m := range r.Series {
			if m.Second > 720 && m.Second <= 780 {
				p99 = max(p99, m.P99)
			}
		}
		return p99
	}
	before := with.Series[600/5-1].P99
	if worst(with) > 1.5*before || worst(without) < 20 {
		t.Errorf("p99 is %.2f ms by latency, %.2f ms as in the paper, and was %.2f ms", worst(with), worst(without), before)
	}
}

func TestAllSlow(t *testing.T) {
	for name, change := range map[string]func(*Latency){
		"all slow alike":    func(l *Latency) { l.All = true },
		"noise":             func(l *Latency) { l.For, l.Noise = 0, 1 },
		"unequal machines":  func(l *Latency) { l.For, l.Spread = 0, 0.7 },
		"nothing happens":   func(l *Latency) { l.For = 0 },
		"hardly a millisec": func(l *Latency) { l.Add = 0.3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := slowMachine(t, true, change)
			c.Workload.Cluster.Hours = 0.22
			r := run(t, c).Latency
			if r.HotBefore == 0 || r.Moves > 0 {
				t.Errorf("%d hot slabs, %d moves", r.HotBefore, r.Moves)
			}
		})
	}
}

func TestLatencySameSeed(t *testing.T) {
	t.Parallel()
	text := func() string {
		c := slowMachine(t, true, nil)
		c.Workload.Cluster.Hours, c.Workload.Cluster.Warmup, c.Latency.From, c.Latency.For = 0.12, 100, 300, 60
		out, err := json.Marshal(run(t, c))
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if a, b := text(), text(); a != b || !strings.Contains(a, `"latency"`) {
		t.Error("the same seed gave another result")
	}
}

func TestLatencyConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"base":   func(c *Config) { c.Latency.Base = 0 },
		"from":   func(c *Config) { c.Latency.From = 1 << 20 },
		"for":    func(c *Config) { c.Latency.For = -1 },
		"period": func(c *Config) { c.Latency.Period = 0 },
		"known":  func(c *Config) { c.Known = 3 },
	} {
		c := slowMachine(t, true, nil)
		change(&c)
		if _, err := Run(context.Background(), c, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLatencyChangesNothingElse: a model of latency that the placement does not go by
// changes no other figure.
func TestLatencyChangesNothingElse(t *testing.T) {
	t.Parallel()
	c := slowMachine(t, false, nil)
	c.Workload.Cluster.Hours = 0.2
	with := run(t, c)
	c.Latency = nil
	without := run(t, c)
	with.Latency = nil
	if a, b := with, without; a.Maps != b.Maps || a.Evictions != b.Evictions || a.UsedWith != b.UsedWith || !slices.Equal(a.PerMachine, b.PerMachine) {
		t.Errorf("%+v\n%+v", a, b)
	}
}
