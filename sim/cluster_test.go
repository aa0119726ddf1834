package sim

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/slabmap"
)

func run(t testing.TB, c Config) Result {
	t.Helper()
	r, err := Run(context.Background(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The bars of the paper's cluster, over five placements of its containers.
func TestPaper(t *testing.T) {
	t.Parallel()
	s, err := RunSeeds(context.Background(), DefaultConfig(paper(t)), 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("used %.1f%%, with lending %.1f%% (%.1f%% live), max/median %.2f, max/min %.2f, evictions %d",
		s.UsedWithout, s.UsedWith, s.UsedLive, s.MaxOverMedian, s.MaxOverMin, s.Evictions)
	if s.UsedWithout < 39.8 || s.UsedWithout > 41.8 {
		t.Errorf("without lending %.1f%% used, the paper has 40.8%%", s.UsedWithout)
	}
	if s.UsedWith < 60 || s.MaxOverMedian > 1.6 || s.MaxOverMin > 2.7 {
		t.Errorf("used %.1f%%, max/median %.2f, max/min %.2f: want 60, 1.6, 2.7", s.UsedWith, s.MaxOverMedian, s.MaxOverMin)
	}
	if s.MaxOverMedianBare < 2 || s.MaxOverMinBare < 10 {
		t.Errorf("without lending max/median %.2f, max/min %.2f: the paper has 2.36 and 22.5", s.MaxOverMedianBare, s.MaxOverMinBare)
	}
	if s.Evictions == 0 || s.HurtSeconds != 0 {
		t.Errorf("%d evictions, %d seconds in which lending hurt", s.Evictions, s.HurtSeconds)
	}
}

func TestSameSeedSameResult(t *testing.T) {
	t.Parallel()
	c := DefaultConfig(paper(t))
	c.Workload.Cluster.Hours, c.Workload.Cluster.Warmup = 0.3, 300
	text := func(c Config) string {
		r := run(t, c)
		out, err := json.Marshal(struct {
			Result
			Series              []Moment
			PerMachine, Without []float64
		}{r, r.Series, r.PerMachine, r.BareMachine})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	first := text(c)
	if second := text(c); second != first {
		t.Errorf("one seed, two results:\n%s\n%s", first, second)
	}
	c.Seed++
	if other := text(c); other == first {
		t.Error("two seeds, one result")
	}
}

// Whatever the policies: the books balance in every second.
func TestBooksBalance(t *testing.T) {
	w := paper(t)
	w.Cluster.Machines, w.Cluster.Containers = 4, 14
	w.Cluster.Hours, w.Cluster.StartWithin, w.Cluster.Warmup = 0.1, 60, 100
	for i := range w.Programs { // sooner at their peaks
		w.Programs[i].Ramp, w.Programs[i].Period = 60, 80
	}
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultConfig(w)
		c.Workload.Cluster.HeadRoom = rapid.SampledFrom([]float64{0, 4, 8, 20}).Draw(t, "headroom")
		c.Workload.Cluster.Ahead = rapid.IntRange(0, 8).Draw(t, "ahead")
		c.Workload.Model.MoveGiB = rapid.SampledFrom([]float64{0.01, 0.1, 1}).Draw(t, "move")
		c.Seed = rapid.Uint64().Draw(t, "seed")
		c.SlabSize = rapid.SampledFrom(SlabSizes[2:]).Draw(t, "slab")
		c.Choices = rapid.IntRange(1, 4).Draw(t, "choices")
		c.AnyDonor, c.Drop = rapid.Bool().Draw(t, "any"), rapid.Bool().Draw(t, "drop")
		c.Extra, c.Known = rapid.IntRange(0, 10).Draw(t, "extra"), rapid.IntRange(0, 4).Draw(t, "known")
		cluster, err := build(c)
		if errors.Is(err, ErrConfig) && strings.Contains(err.Error(), "fit on no machine") {
			t.Skip("too full")
		}
		if err != nil {
			t.Fatal(err)
		}
		for cluster.now = 1; cluster.now <= cluster.seconds; cluster.now++ {
			for i := range cluster.containers {
				cluster.stepContainer(i)
			}
			cluster.finish()
			for i := range cluster.machines {
				cluster.stepMachine(i)
			}
			if cluster.now%50 == 0 {
				balance(t, cluster)
			}
		}
		if cluster.err != nil {
			t.Fatal(cluster.err)
		}
	})
}

// balance compares what donors think they lend with what devices think they have.
func balance(t *rapid.T, c *cluster) {
	held, home := make([]int64, len(c.machines)), make([]int64, len(c.machines))
	local := make([]int64, len(c.machines))
	for i := range c.containers {
		b := &c.containers[i]
		local[b.machine] += b.local
		if b.device == nil {
			continue
		}
		holds := map[uint16]int{}
		for j := range b.device.slabs {
			s := b.device.slabs[j].pages.Slab(0)
			if lent := s.State == slabmap.Mapped || s.State == slabmap.Draining; lent != b.device.slabs[j].lent {
				t.Fatalf("slab %d of container %d is %v, lent %t", j, i, s.State, !lent)
			}
			switch s.State {
			case slabmap.Mapped:
				held[s.Donor] += c.config.SlabSize
				holds[s.Donor]++
				if int(s.Donor) == b.machine {
					t.Fatalf("container %d swaps to its own machine", i)
				}
				if r := c.machines[s.Donor].slabs[b.device.slabs[j].place]; r != (ref{int32(i), int32(j)}) {
					t.Fatalf("slab %d of container %d is listed as %v", j, i, r)
				}
			case slabmap.Draining:
				home[s.Donor] += c.config.SlabSize
			case slabmap.Unmapped:
				if b.device.slabs[j].weight > 0 && !b.device.slabs[j].cold {
					t.Fatalf("slab %d of container %d is forgotten", j, i)
				}
			}
		}
		for _, one := range c.moves {
			if int(one.slab.container) == i && one.target != nobody {
				holds[uint16(one.target)]++
			}
		}
		for _, d := range b.device.donors {
			if d.Holds != holds[d.Donor] {
				t.Fatalf("container %d believes that donor %d holds %d, it is %d", i, d.Donor, d.Holds, holds[d.Donor])
			}
		}
	}
	arriving := make([]int64, len(c.machines))
	for _, one := range c.moves {
		if one.target != nobody {
			arriving[one.target] += c.config.SlabSize
		}
	}
	base := int64(c.config.Workload.Cluster.Base * gib)
	for i := range c.machines {
		m := &c.machines[i]
		if m.returning != home[i] || m.mapped != held[i]+home[i]+arriving[i] || m.local != base+local[i] || m.prepared < 0 {
			t.Fatalf("machine %d: %+v, but %d held, %d on their way home, %d arriving, %d local", i, *m, held[i], home[i], arriving[i], base+local[i])
		}
	}
}

func TestBadConfigs(t *testing.T) {
	good := DefaultConfig(paper(t))
	for name, change := range map[string]func(*Config){
		"slab":      func(c *Config) { c.SlabSize = 5 << 20 },
		"choices":   func(c *Config) { c.Choices = 0 },
		"extra":     func(c *Config) { c.Extra = -1 },
		"known":     func(c *Config) { c.Known = -1 },
		"workload":  func(c *Config) { c.Workload.Cluster.Machines = 0 },
		"too small": func(c *Config) { c.Workload.Cluster.Machines = 4 },
	} {
		c := good
		change(&c)
		if _, err := Run(context.Background(), c, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seconds := 0
	_, err := Run(ctx, DefaultConfig(paper(t)), func(second, of int) {
		if seconds = second; second == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || seconds != 5 {
		t.Errorf("after %d seconds: %v", seconds, err)
	}
}

// A device that nobody looks at for long has the activity that one has which is
// ticked every second.
func TestActivityIsCaughtUp(t *testing.T) {
	g := slabmap.Geometry{Size: 64 << 20, SlabSize: 16 << 20}
	rapid.Check(t, func(t *rapid.T) {
		var lazy, eager device
		for _, d := range []*device{&lazy, &eager} {
			if err := d.reset(g, 0); err != nil {
				t.Fatal(err)
			}
			for i := range d.slabs {
				d.slabs[i].weight = float64(i + 1)
				d.weight += d.slabs[i].weight
			}
		}
		now := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.SampledFrom([]int{1, 1, 1, 2, 3, 40}).Draw(t, "gap")
			ins := rapid.Float64Range(0, 5000).Draw(t, "ins")
			at, pages := rapid.IntRange(0, len(lazy.slabs)-1).Draw(t, "at"), rapid.Int32Range(0, 5000).Draw(t, "pages")
			lazy.begin(now, ins)
			eager.begin(now, ins)
			lazy.note(at, pages)
			eager.catchUp(at, now-1)
			eager.slabs[at].pages.Touch(0, int(pages))
			for i := range eager.slabs {
				eager.catchUp(i, now)
			}
		}
		for i := range lazy.slabs {
			a, b := lazy.activity(i), eager.activity(i)
			if diff := a - b; diff > 0.01*5000 || diff < -0.01*5000 {
				t.Fatalf("slab %d: %g, ticked every second %g", i, a, b)
			}
		}
	})
}
