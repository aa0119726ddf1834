package slabmap

import (
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestCensusIsACount has a census asked now and then, while pages and slabs change.
func TestCensusIsACount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _ := newMap(t, small)
		c := m.NewCensus()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			slab := rapid.IntRange(0, 1).Draw(t, "slab")
			first, _ := m.Geometry().PageRange(slab)
			page, s := first+int64(rapid.IntRange(0, 3).Draw(t, "page")), m.Slab(slab)
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				if s.State == Unmapped {
					mapped(t, m, slab, 1)
				}
			case 1:
				if epoch, err := m.Fail(slab, s.Epoch); err == nil {
					must(t, m.Release(slab, epoch))
				}
			case 2:
				write(t, m, page, Written{CRC: 1, Backing: true})
			case 3:
				write(t, m, page, Written{CRC: 1, Remote: true, Epoch: s.Epoch, Pending: true})
				m.EndPending(page, true)
			case 4:
				write(t, m, page, Written{CRC: 1, Remote: true, Epoch: s.Epoch})
			case 5:
				m.Discard(page)
			case 6:
				for i := range m.Geometry().Slabs() {
					if got, want := c.Slab(i), m.CountSlab(i); got != want {
						t.Fatalf("slab %d: %+v in the census, %+v counted", i, got, want)
					}
				}
			}
		}
	})
}

// TestCensusMissesNothing has pages written while they are counted: the last census
// is right.
func TestCensusMissesNothing(t *testing.T) {
	m, _ := newMap(t, small)
	c := m.NewCensus()
	var writers sync.WaitGroup
	for w := range int64(2) {
		writers.Go(func() {
			for i := range int64(1000) {
				page := 2*i%1024 + w
				if m.BeginWrite(page) {
					m.EndWrite(page, Written{CRC: 1, Backing: true})
				}
				if i%3 == 0 {
					m.Discard(page)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		c.Slab(0)
	}
	if got, want := c.Slab(0), m.CountSlab(0); got != want || got.Backing == 0 {
		t.Errorf("%+v in the census, %+v counted", got, want)
	}
}

// BenchmarkCensus is of a device of 10,000 slabs, of which one in a hundred has
// changed each time.
func BenchmarkCensus(b *testing.B) {
	g := Geometry{Size: 10_000 * MinSlabSize, SlabSize: MinSlabSize}
	m, _ := newMap(b, g)
	all := func(slab func(int) Places) (n int64) {
		for i := range g.Slabs() {
			n += slab(i).None
		}
		return n
	}
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			all(m.CountSlab)
		}
	})
	b.Run("census", func(b *testing.B) {
		c := m.NewCensus()
		all(c.Slab)
		for b.Loop() {
			for i := 0; i < g.Slabs(); i += 100 {
				m.Discard(int64(i) * g.PagesPerSlab())
			}
			all(c.Slab)
		}
	})
}
