package slabmap

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestActivity(t *testing.T) {
	m, _ := newMap(t, small)
	want := 0.0
	for _, pages := range []int{100, 0, 3, 1 << 20, 0, 0} {
		m.Touch(1, pages)
		m.Tick(2)
		want = 0.2*float64(pages)/2 + 0.8*want
		if got := m.Activity(1); math.Abs(got-want) > 1e-9*want {
			t.Fatalf("after %d pages in 2 s: %g, want %g", pages, got, want)
		}
	}
	if m.Activity(0) != 0 || m.Activity(2) != 0 {
		t.Fatal("a slab never touched is active")
	}
	before := m.Activity(1)
	m.Touch(1, 5)
	for _, s := range []float64{0, -1, math.NaN()} {
		m.Tick(s)
	}
	if m.Activity(1) != before {
		t.Fatal("a tick without time has changed the activity")
	}
	for range 200 {
		m.Tick(1)
	}
	if m.Activity(1) != 0 {
		t.Fatalf("still %g after 200 idle seconds", m.Activity(1))
	}
}

func TestHotSlabs(t *testing.T) {
	g := Geometry{Size: 20 * MinSlabSize, SlabSize: MinSlabSize}
	rapid.Check(t, func(t *rapid.T) {
		m, _ := newMap(t, g)
		var want []int
		for i := range g.Slabs() {
			pages := rapid.IntRange(0, 400).Draw(t, "pages")
			m.Touch(i, pages)
			if rapid.Bool().Draw(t, "mapped") {
				mapped(t, m, i, 1)
			} else if float64(pages)*newWeight > HotSlab {
				want = append(want, i)
			}
		}
		m.Tick(1)
		got := m.HotSlabs(HotSlab, []int{99, 98})
		if !slices.IsSortedFunc(got, func(a, b int) int { return int(m.Activity(b) - m.Activity(a)) }) {
			t.Fatalf("not the hottest first: %v", got)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("hot: %v, want %v", got, want)
		}
	})
}

// A burst is hot as soon as the next Tick is bound to say so, not before.
func TestHotBeforeTheTick(t *testing.T) {
	m, _ := newMap(t, Geometry{Size: 2 * MinSlabSize, SlabSize: MinSlabSize})
	m.Touch(1, 100)
	if m.Hot(1, HotSlab) {
		t.Error("100 page I/Os make 20 a second, which is not above the threshold")
	}
	m.Touch(1, 1)
	if !m.Hot(1, HotSlab) || m.Hot(0, HotSlab) {
		t.Errorf("hot after 101 page I/Os on slab 1: %v; slab 0: %v", m.Hot(1, HotSlab), m.Hot(0, HotSlab))
	}
	m.Tick(1)
	if m.Activity(1) <= HotSlab {
		t.Errorf("hot before the tick, %v after it", m.Activity(1))
	}
	epoch, err := m.BeginMap(1)
	if err != nil {
		t.Fatal(err)
	}
	if m.Hot(1, HotSlab) {
		t.Error("a slab that is being mapped is to be mapped")
	}
	if err := m.AbortMap(1, epoch); err != nil {
		t.Fatal(err)
	}
}
