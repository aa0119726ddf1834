package slabmap

import (
	"cmp"
	"math"
	"slices"
)

// HotSlab is the paper's threshold for mapping a slab, in page I/Os per second.
const HotSlab = 20.0

// Weights of the paper's smoothing, and the activity below which a slab counts as idle. Without idle a slab
// would count for an hour after one use.
const (
	newWeight = 0.2
	oldWeight = 1 - newWeight
	idle      = 1e-3
)

// Touch counts page I/Os of slab towards its activity.
func (m *Map) Touch(slab, pages int) { m.slabs[slab].touched.Add(uint64(pages)) }

// Tick computes the activity of every slab, A = 0.2·measured + 0.8·old, from the pages touched in the seconds
// since the last Tick. The smoothing assumes one call a second. It does nothing if seconds is not above 0.
func (m *Map) Tick(seconds float64) {
	if !(seconds > 0) {
		return
	}
	for i := range m.slabs {
		e := &m.slabs[i]
		measured := float64(e.touched.Swap(0)) / seconds
		a := newWeight*measured + oldWeight*math.Float64frombits(e.activity.Load())
		if a < idle {
			a = 0
		}
		e.activity.Store(math.Float64bits(min(a, math.MaxFloat64)))
	}
}

// Activity is the smoothed page I/Os per second of slab, as of the last Tick.
func (m *Map) Activity(slab int) float64 {
	return math.Float64frombits(m.slabs[slab].activity.Load())
}

// expected returns a lower bound of a slab's activity after the next Tick, if that comes on time.
func (m *Map) expected(slab int) float64 {
	touched := float64(m.slabs[slab].touched.Load())
	return max(m.Activity(slab), newWeight*touched+oldWeight*m.Activity(slab))
}

// Hot reports whether slab is unmapped and its activity above threshold, or certain to be above it after the
// next Tick, so that a burst need not wait for the Tick.
func (m *Map) Hot(slab int, threshold float64) bool {
	return m.expected(slab) > threshold && m.Slab(slab).State == Unmapped
}

// HotSlabs returns the slabs that are Hot, the most active as of the last Tick
// first, in dst's memory where that is long enough.
func (m *Map) HotSlabs(threshold float64, dst []int) []int {
	dst = dst[:0]
	for i := range m.slabs {
		if m.Hot(i, threshold) {
			dst = append(dst, i)
		}
	}
	slices.SortFunc(dst, func(a, b int) int {
		return cmp.Or(cmp.Compare(m.Activity(b), m.Activity(a)), cmp.Compare(a, b))
	})
	return dst
}
