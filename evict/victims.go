package evict

import (
	"math"
	"math/rand/v2"
	"slices"
)

// DefaultExtra is E′: a donor asks for the activity of that many slabs more than it takes back. In a
// simulation of the paper's cluster (package sim) the evicted slabs have 66 page I/Os a second with 0,
// 52 with 2 and 48 with 10.
const DefaultExtra = 10

// Candidates returns e + extra elements of mapped at random, without repetition and in random order. If
// mapped has no more, it returns all. It does not change mapped.
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

// LeastActive returns the e least active of cands, the least active first. If cands has no more, it returns
// all. It calls activity once for each candidate: page I/Os per second, and not ok if the device has not
// answered in time. Questions are I/O, so a caller asks all devices first, with one deadline.
//
// A slab without an answer comes after all slabs with one; several come in the order of cands. Nothing
// shows that such a slab is idle, and a device that is slow to answer will also be slow to return a slab.
// So silence delays an eviction and does not prevent it: if too few devices answer, slabs of silent
// devices go. An activity that is negative or not a number counts as no answer.
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
