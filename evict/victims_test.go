package evict

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCandidates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		mapped := make([]int, rapid.IntRange(0, 40).Draw(t, "mapped"))
		for i := range mapped {
			mapped[i] = 100 + i
		}
		before := slices.Clone(mapped)
		number := rapid.OneOf(rapid.IntRange(-2, 60), rapid.Just(math.MaxInt), rapid.Just(math.MinInt))
		e, extra := number.Draw(t, "e"), number.Draw(t, "extra")
		got := Candidates(rng, mapped, e, extra)
		if !slices.Equal(mapped, before) {
			t.Fatalf("mapped was changed: %v", mapped)
		}
		want := len(mapped)
		if e, extra := max(e, 0), max(extra, 0); e < want && extra < want {
			want = min(want, e+extra)
		}
		if len(got) != want {
			t.Fatalf("%d candidates of %d for %d + %d, want %d", len(got), len(mapped), e, extra, want)
		}
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("twice in %v", got)
		}
		for _, c := range got {
			if !slices.Contains(mapped, c) {
				t.Fatalf("%d is not mapped", c)
			}
		}
	})
}

func TestCandidatesAreFair(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	mapped := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	var picked, first [10]int
	const rounds = 20000
	for range rounds {
		got := Candidates(rng, mapped, 2, 3)
		first[got[0]]++
		for _, c := range got {
			picked[c]++
		}
	}
	for i := range mapped {
		if n := picked[i]; n < rounds/2*9/10 || n > rounds/2*11/10 {
			t.Fatalf("unevenly picked: %v", picked)
		}
		if n := first[i]; n < rounds/10*8/10 || n > rounds/10*12/10 {
			t.Fatalf("uneven order: %v", first)
		}
	}
}

// answer is a device's answer about a slab. Its name shows the expected order.
type answer struct {
	name   string
	active float64
	ok     bool
}

func (a answer) of() (float64, bool) { return a.active, a.ok }

func TestLeastActive(t *testing.T) {
	idle := answer{"idle", 0, true}
	warm := answer{"warm", 5, true}
	warm2 := answer{"warm2", 5, true}
	hot := answer{"hot", 900, true}
	endless := answer{"endless", math.Inf(1), true}
	silent := answer{"silent", 0, false}
	silent2 := answer{"silent2", 1e9, false}
	nan := answer{"nan", math.NaN(), true}
	below := answer{"below", -3, true}
	for _, c := range []struct {
		name  string
		cands []answer
		e     int
		want  []answer
	}{
		{"nobody", nil, 3, nil},
		{"nothing wanted", []answer{hot, idle}, 0, nil},
		{"less than nothing", []answer{hot, idle}, -1, nil},
		{"one", []answer{hot, idle, warm}, 1, []answer{idle}},
		{"the order given decides between two alike", []answer{warm2, hot, warm}, 2, []answer{warm2, warm}},
		{"all, and more wanted", []answer{hot, idle, warm}, 9, []answer{idle, warm, hot}},
		{"silence goes last", []answer{silent, hot, endless}, 2, []answer{hot, endless}},
		{"silence goes if too few answer", []answer{silent2, hot, silent}, 2, []answer{hot, silent2}},
		{"the silent in the order given", []answer{silent2, silent}, 1, []answer{silent2}},
		{"nonsense is silence", []answer{nan, below, hot}, 3, []answer{hot, nan, below}},
	} {
		got := LeastActive(c.cands, c.e, answer.of)
		same := func(a, b answer) bool { return a.name == b.name }
		if !slices.EqualFunc(got, c.want, same) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestLeastActiveProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cands := rapid.SliceOf(rapid.Custom(func(t *rapid.T) answer {
			return answer{"", rapid.Float64().Draw(t, "active"), rapid.Bool().Draw(t, "ok")}
		})).Draw(t, "cands")
		e := rapid.IntRange(0, 20).Draw(t, "e")
		calls := 0
		got := LeastActive(cands, e, func(a answer) (float64, bool) { calls++; return a.of() })
		if calls != len(cands) {
			t.Fatalf("%d questions about %d slabs", calls, len(cands))
		}
		if len(got) != min(e, len(cands)) {
			t.Fatalf("%d slabs, want %d of %d", len(got), e, len(cands))
		}
		// The slabs that stay are at least as active as those that go.
		rank := func(a answer) float64 {
			if !a.ok || !(a.active >= 0) {
				return math.Inf(1)
			}
			return a.active
		}
		goes, all := []float64{}, []float64{}
		for _, a := range got {
			goes = append(goes, rank(a))
		}
		for _, a := range cands {
			all = append(all, rank(a))
		}
		slices.Sort(all)
		if !slices.Equal(goes, all[:len(goes)]) {
			t.Fatalf("%v go of %v", goes, all)
		}
	})
}
