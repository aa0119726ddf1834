package evict

import (
	"math"
	"math/rand/v2"
	"slices"
)

// DefaultExtra is E′, how many more mapped slabs are asked for their activity than
// are to go. In the simulator's rendering of the paper's cluster the slabs that go
// have 66 page I/Os a second with 0, 52 with 2 and 48 with 10 (`farswap sim
// policies`).
const DefaultExtra = 10

// Candidates returns e + extra of mapped at random, without repetition and in
// random order; all of them if there are no more. mapped stays as it is.
func Candidates[T any](rng *rand.Rand, mapped []T, e, extra int) []T {
	n := min(max(e, 0), len(mapped))
	n += min(max(extra, 0), len(mapped)-n)
	pool := slices.Clone(mapped)
	for i := range n {
		j := i + rng.IntN(len(pool)-i)
		pool[i], pool[j] = pool[j], pool[i]
	}
	return pool[:n:n]
}

// LeastActive returns the e least active of cands, those that go first; all of them
// if there are no more. activity is called once for each: page I/Os per second, and
// not ok if its device did not answer in time. What was asked is I/O, so a caller
// asks all devices first, with one deadline.
//
// The rule for silence: a slab without an answer goes after all that have one, and
// several in the order of cands. Nothing says that it is idle, and a device that
// does not answer in a moment will not give a slab back in one either. So silence
// delays its eviction, and does not prevent it: if too few answer, the silent go.
// An activity that is no number, or below 0, is no answer.
func LeastActive[T any](cands []T, e int, activity func(T) (perSecond float64, ok bool)) []T {
	type asked struct {
		cand   T
		active float64
		silent bool
	}
	all := make([]asked, len(cands))
	for i, c := range cands {
		active, ok := activity(c)
		if !(active >= 0) {
			active, ok = 0, false
		}
		if !ok {
			active = math.Inf(1)
		}
		all[i] = asked{c, active, !ok}
	}
	slices.SortStableFunc(all, func(a, b asked) int {
		switch {
		case a.silent != b.silent && a.silent, a.silent == b.silent && a.active > b.active:
			return 1
		case a.silent != b.silent || a.active < b.active:
			return -1
		}
		return 0
	})
	least := make([]T, min(max(e, 0), len(all)))
	for i := range least {
		least[i] = all[i].cand
	}
	return least
}
