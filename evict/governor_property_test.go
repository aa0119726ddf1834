package evict

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Under any history plans are within bounds, and the donor asks for nothing twice. When the applications
// stand still, everything comes to rest above the headroom, or when there is nothing left to give.
func TestAnyHistorySettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(1*gib, 256*gib).Draw(t, "total")
		config := Config{HeadRoom: rapid.Int64Range(0, total/2).Draw(t, "headroom")}
		l := Lent{
			Limit:    rapid.Int64Range(0, total).Draw(t, "limit"),
			SlabSize: 4 * mib << rapid.IntRange(0, 8).Draw(t, "slab"),
		}
		l.Ahead = l.SlabSize * rapid.Int64Range(0, 8).Draw(t, "ahead")
		g := NewGovernor(config)
		var apps int64
		var home []int64
		slow := rapid.IntRange(0, 5).Draw(t, "slow")
		tick := func(stall float64) Plan {
			available := max(total-apps-l.taken(), 0)
			p := g.Tick(1, Sample{available, total, stall}, l)
			checkPlan(t, p, l)
			l.Prepared += p.Prepare - p.Release
			l.Returning += p.Evict
			if home = append(home, p.Evict); len(home) > slow {
				l.Returning -= home[0]
				l.Mapped -= home[0]
				home = home[1:]
			}
			return p
		}
		for range rapid.IntRange(1, 60).Draw(t, "ticks") {
			apps = rapid.Int64Range(0, max(total-l.taken(), 0)).Draw(t, "apps")
			tick(rapid.Float64Range(0, 1).Draw(t, "stall"))
			room := g.Room(l)
			if room < 0 || room > max(l.Limit-l.Mapped, 0) {
				t.Fatalf("room for %d of %+v", room, l)
			}
			// Devices map slabs as long as the donor offers room.
			for n := rapid.IntRange(0, 50).Draw(t, "maps"); n > 0 && g.Room(l) >= l.SlabSize; n-- {
				l.Mapped += l.SlabSize
				l.Prepared = max(l.Prepared-l.SlabSize, 0)
				if available := total - apps - l.Mapped; available < config.HeadRoom { // prepared slabs released
					t.Fatalf("mapping left %d available, headroom %d: %+v", available, config.HeadRoom, l)
				}
			}
		}
		apps = rapid.Int64Range(0, max(total-l.taken(), 0)).Draw(t, "at last")
		for ticks, quiet := 0, 0; quiet < 100; ticks++ {
			if p := tick(0); p.Prepare+p.Release+p.Evict == 0 {
				quiet++
			} else {
				quiet = 0
			}
			if ticks > 5000 { // one slab a tick is the least
				t.Fatalf("never settles: %+v", l)
			}
		}
		available := max(total-apps-l.taken(), 0)
		if available < config.HeadRoom && l.taken() > 0 {
			t.Fatalf("%d available, headroom %d, and still lent: %+v", available, config.HeadRoom, l)
		}
		if l.taken() > l.Limit {
			t.Fatalf("lent above the limit: %+v", l)
		}
	})
}

// Impossible figures do no harm.
func TestNonsense(t *testing.T) {
	figure := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MaxInt64, math.MinInt64, most, most + 1}))
	share := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, 1}))
	rapid.Check(t, func(t *rapid.T) {
		g := NewGovernor(Config{HeadRoom: max(figure.Draw(t, "headroom"), 0)})
		for range 5 {
			l := Lent{
				Prepared: figure.Draw(t, "prepared"), Mapped: figure.Draw(t, "mapped"), Returning: figure.Draw(t, "returning"),
				Limit: figure.Draw(t, "limit"), SlabSize: figure.Draw(t, "slab"), Ahead: figure.Draw(t, "ahead"),
			}
			p := g.Tick(share.Draw(t, "seconds"), Sample{figure.Draw(t, "available"), figure.Draw(t, "total"), share.Draw(t, "stall")}, l)
			l = l.sane()
			if p.Prepare < 0 || p.Release < 0 || p.Release > l.Prepared || p.Evict < 0 || p.Evict > l.Mapped || p.Available < 0 {
				t.Fatalf("%+v of %+v", p, l)
			}
			if room := g.Room(l); room < 0 || room > l.Limit {
				t.Fatalf("room %d of %+v", room, l)
			}
		}
	})
}
