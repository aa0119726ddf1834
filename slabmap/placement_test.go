package slabmap

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPairProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		holds := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 12).Draw(t, "holds")
		cands := make([]Candidate, len(holds))
		for i, h := range holds {
			cands[i] = Candidate{Donor: uint16(100 + i), Holds: h}
		}
		policy := PowerOfTwo{Choices: rapid.IntRange(-1, 4).Draw(t, "choices"), AnyDonor: rapid.Bool().Draw(t, "any")}
		choices := policy.Choices
		if choices <= 0 {
			choices = 2
		}
		first := func(c Candidate) bool { return c.Holds == 0 || policy.AnyDonor }
		// Ask until nobody is left, as a caller does whom all refuse.
		var asked []Candidate
		for {
			pair, _ := policy.Pair(rng, cands)
			if len(pair) == 0 {
				break
			}
			var groups []bool
			for _, d := range pair {
				i := slices.IndexFunc(cands, func(c Candidate) bool { return c.Donor == d })
				if i < 0 {
					t.Fatalf("%d is not a candidate, or is named twice: %v", d, pair)
				}
				asked = append(asked, cands[i])
				groups = append(groups, first(cands[i]))
				cands = slices.Delete(cands, i, i+1)
			}
			if len(pair) > choices || slices.Contains(groups, !groups[0]) {
				t.Fatalf("pair %v of groups %v, want %d", pair, groups, choices)
			}
			if len(pair) < choices && slices.ContainsFunc(cands, func(c Candidate) bool { return first(c) == groups[0] }) {
				t.Fatalf("asked only %v, though its group has more", pair)
			}
		}
		if len(cands) != 0 {
			t.Fatalf("never asked: %v", cands)
		}
		if !policy.AnyDonor && !slices.IsSortedFunc(asked, func(a, b Candidate) int { return min(a.Holds, 1) - min(b.Holds, 1) }) {
			t.Fatalf("a holder was asked before one without a slab: %v", asked)
		}
	})
}

func TestPairIsFair(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cands := make([]Candidate, 5)
	for i := range cands {
		cands[i].Donor = uint16(i)
	}
	var first, second [5]int
	const rounds = 20000
	for range rounds {
		p, _ := PowerOfTwo{}.Pair(rng, cands)
		first[p[0]]++
		second[p[1]]++
	}
	for i := range cands {
		for _, n := range []int{first[i], second[i]} {
			if n < rounds/5*9/10 || n > rounds/5*11/10 {
				t.Fatalf("uneven: %v %v", first, second)
			}
		}
	}
}

func TestBest(t *testing.T) {
	const slab = 64 << 20
	for _, c := range []struct {
		name    string
		answers []Candidate
		donor   uint16
		ok      bool
	}{
		{"nobody", nil, 0, false},
		{"the emptier by share", []Candidate{{Donor: 1, Free: 10 * slab, Total: 100 * slab}, {Donor: 2, Free: 2 * slab, Total: 3 * slab}}, 2, true},
		{"the first of two alike", []Candidate{{Donor: 5, Free: slab, Total: 2 * slab}, {Donor: 4, Free: 2 * slab, Total: 4 * slab}}, 5, true},
		{"the emptier has no room", []Candidate{{Donor: 1, Free: slab - 1, Total: slab}, {Donor: 2, Free: slab, Total: 1000 * slab}}, 2, true},
		{"no room at all", []Candidate{{Donor: 1, Free: slab - 1, Total: slab}, {Donor: 2}}, 0, false},
		{"just room", []Candidate{{Donor: 0, Free: slab, Total: slab}}, 0, true},
		{"nonsense", []Candidate{{Donor: 1, Free: slab, Total: 0}, {Donor: 2, Free: -1, Total: -1}}, 0, false},
		{"terabytes", []Candidate{{Donor: 1, Free: 1 << 50, Total: 1 << 52}, {Donor: 2, Free: 1 << 51, Total: 1 << 52}}, 2, true},
	} {
		donor, _, ok := PowerOfTwo{SlabSize: slab}.Best(c.answers)
		if donor != c.donor || ok != c.ok {
			t.Errorf("%s: %d, %t, want %d, %t", c.name, donor, ok, c.donor, c.ok)
		}
	}
}

func TestRuleOfOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		cands []Candidate
		ask   int
		rule  Rule
	}{
		{"the only one", []Candidate{{Donor: 1, Holds: 3}}, 1, OnlyOne},
		{"the only one is slow", []Candidate{{Donor: 1, Slow: true}}, 1, OnlyOne},
		{"one without a slab", []Candidate{{Donor: 1, Holds: 3}, {Donor: 2}, {Donor: 3, Holds: 1}}, 1, NewMachine},
		{"one that is not slow", []Candidate{{Donor: 1, Slow: true}, {Donor: 2, Holds: 1}, {Donor: 3, Slow: true}}, 1, Faster},
		{"two alike", []Candidate{{Donor: 1}, {Donor: 2}}, 2, OnlyOne},
	} {
		ask, rule := ByLatency{}.Pair(rng, c.cands)
		if len(ask) != c.ask || rule != c.rule {
			t.Errorf("%s: %v, %s, want %d, %s", c.name, ask, rule, c.ask, c.rule)
		}
	}
}

// TestSlowIsAskedLast has all donors asked, as by a caller whom all refuse.
func TestSlowIsAskedLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		kinds := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 12).Draw(t, "kinds")
		var cands []Candidate
		for i, k := range kinds {
			cands = append(cands, Candidate{Donor: uint16(i), Holds: k & 1, Slow: k&2 != 0})
		}
		order := func(d uint16) int { return kinds[d] } // as they are numbered: slow last, holders after the others
		last := 0
		for len(cands) > 0 {
			ask, _ := ByLatency{}.Pair(rng, cands)
			if len(ask) == 0 {
				t.Fatalf("never asked: %v", cands)
			}
			for _, d := range ask {
				if order(d) < last {
					t.Fatalf("%d of kind %d was asked after kind %d", d, order(d), last)
				}
				last = order(d)
				cands = slices.DeleteFunc(cands, func(c Candidate) bool { return c.Donor == d })
			}
		}
	})
}

func TestBestByLatency(t *testing.T) {
	const slab = 64 << 20
	free := func(donor uint16, share int64, p99 int64) Candidate {
		return Candidate{Donor: donor, Free: share * slab, Total: 100 * slab, P99: p99}
	}
	for _, c := range []struct {
		name    string
		answers []Candidate
		donor   uint16
		rule    Rule
		ok      bool
	}{
		{"nobody", nil, 0, Emptier, false},
		{"alike in latency: the emptier", []Candidate{free(1, 50, 1e6), free(2, 60, 1.9e6)}, 2, Emptier, true},
		{"four times as slow, a little emptier", []Candidate{free(1, 50, 1e6), free(2, 60, 4e6)}, 1, Faster, true},
		{"four times as slow, but the other is nearly full", []Candidate{free(1, 10, 1e6), free(2, 60, 4e6)}, 2, Emptier, true},
		{"faster and emptier", []Candidate{free(1, 60, 1e6), free(2, 50, 4e6)}, 1, Emptier, true},
		{"nothing known of one", []Candidate{free(1, 50, 0), free(2, 60, 4e6)}, 2, Emptier, true},
		{"nothing known of any", []Candidate{free(1, 50, 0), free(2, 60, 0)}, 2, Emptier, true},
		{"the faster has no room", []Candidate{free(1, 0, 1e6), free(2, 60, 100e6)}, 2, Emptier, true},
	} {
		donor, rule, ok := ByLatency{PowerOfTwo: PowerOfTwo{SlabSize: slab}}.Best(c.answers)
		if donor != c.donor || rule != c.rule || ok != c.ok {
			t.Errorf("%s: %d, %s, %t, want %d, %s, %t", c.name, donor, rule, ok, c.donor, c.rule, c.ok)
		}
	}
}
