package swapdev

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
)

// byAddress is a device whose connections can be slowed down, address by address.
type byAddress struct {
	verbs.Device

	mu     sync.Mutex // guards faults
	faults map[string]*faulty.Device
}

func (d *byAddress) at(address string) *faulty.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.faults[address] == nil {
		d.faults[address] = faulty.Wrap(d.Device, faulty.Plan{})
	}
	return d.faults[address]
}

func (d *byAddress) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	return d.at(address).Connect(ctx, address, cred, cfg)
}

const (
	slowTestPeriod = 200 * time.Millisecond
	slowTestDelay  = 60 * time.Millisecond
	quickTestRead  = time.Millisecond
	slowTestReads  = 20 // that make a measurement
)

// slowRig is a device over three donors, whose first can be made slow, and readers of
// all its slabs.
type slowRig struct {
	*rig
	device  *byAddress
	latency *madeUp
}

func newSlowRig(t *testing.T, policy string) *slowRig {
	s := &slowRig{device: &byAddress{faults: make(map[string]*faulty.Device)}, latency: &madeUp{first: quickTestRead}}
	s.rig = newRig(t, rigOptions{
		donors: 3, queues: 2,
		prepare: func(c *Config) {
			c.Placement, c.Period, c.OpTimeout = policy, slowTestPeriod, 5*time.Second
			c.Judge = slabmap.JudgeConfig{MinReads: slowTestReads, Rate: 2, Floor: int64(5 * time.Millisecond)}
		},
		wrap: func(d verbs.Device) verbs.Device {
			s.device.Device = d
			return s.device
		},
		before: s.latency.of,
	})
	return s
}

// madeUp are the latencies by which a slowRig judges donors. Real ones say as much about
// the machine on which the test runs.
type madeUp struct {
	engine *engine
	tests  atomic.Int64 // times that test reads were ordered

	mu    sync.Mutex    // guards what follows
	first time.Duration // what a read of the first donor takes
	sums  []loghist.Histogram
}

// of has an engine judge by these latencies, before it starts.
func (m *madeUp) of(e *engine) {
	m.engine = e
	e.steering.Source = m
	order := e.steering.Orders.Test
	e.steering.Orders.Test = func(donor uint16) {
		order(donor)
		m.drown(donor)
		m.tests.Add(1)
	}
}

// Reads implements placement.LatencySource: each donor that holds slabs has served one
// measurement since the last call.
func (m *madeUp) Reads() ([]loghist.Histogram, bool) {
	holds := m.engine.holds()
	m.mu.Lock()
	defer m.mu.Unlock()
	for donor, slabs := range holds {
		if donor == len(m.sums) {
			m.sums = append(m.sums, loghist.Histogram{})
		}
		took := quickTestRead
		if donor == 0 {
			took = m.first
		}
		for range min(slabs, 1) * slowTestReads {
			m.sums[donor].Record(int64(took))
		}
	}
	return slices.Clone(m.sums), true
}

// drown adds so many quick test reads of a donor that is well to the real ones that a slow
// machine does not make it slow. Those of a slow donor take long on every machine.
func (m *madeUp) drown(donor uint16) {
	m.mu.Lock()
	well := m.first == quickTestRead
	m.mu.Unlock()
	if !well {
		return
	}
	var quick loghist.Histogram
	for range 1000 * slowTestReads {
		quick.Record(int64(quickTestRead))
	}
	m.engine.steering.Tested(donor, &quick)
}

// slow is the first donor.
func (s *slowRig) slow() status.Donor { return s.engine.report().Donors[0] }

// delay makes the first donor slow: its operations take up to d longer. 0 makes it well.
func (s *slowRig) delay(d time.Duration) {
	s.device.at(s.donors[0].donor.Status().DataAddress).SetPlan(faulty.Plan{Delay: 1, DelayMax: d})
	s.latency.mu.Lock()
	defer s.latency.mu.Unlock()
	s.latency.first = max(d, quickTestRead)
}

// during reads pages of all slabs, right ones, while f runs.
func (s *slowRig) during(f func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for i := range 12 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 0))
			for {
				select {
				case <-stop:
					return
				default:
				}
				first, _ := s.engine.pages.Geometry().PageRange(i / 2)
				s.read(i, first+rng.Int64N(64), 1, 1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	f()
}

// fill maps all slabs, with 64 pages each, so that the first donor has some.
func (s *slowRig) fill() {
	s.heat(0, 1, 2, 3, 4, 5)
	for slab := range 6 {
		first, _ := s.engine.pages.Geometry().PageRange(slab)
		for page := first; page < first+64; page += 16 {
			s.write(0, page, 1, 16)
		}
	}
	if s.slow().Slabs == 0 {
		s.t.Fatal("the first donor has no slab")
	}
}

func TestSlabsLeaveASlowDonor(t *testing.T) {
	s := newSlowRig(t, PlacementLatency)
	s.fill()
	s.during(func() {
		s.until("there are baselines", func() bool {
			return !slices.ContainsFunc(s.engine.report().Donors, func(d status.Donor) bool { return d.Baseline == 0 || d.P99 == 0 })
		})
		if d := s.slow(); d.Slow {
			t.Fatalf("slow already: %+v", d)
		}
		s.delay(slowTestDelay)
		s.until("its slabs have left the slow donor", func() bool {
			_, kept := s.engine.tests.Of(s.engine.donors.Get(0))
			return s.slow().Slow && s.slow().Slabs == 0 && kept && s.engine.moves.Leaving() == 0
		})
		moves := s.engine.report().Moves
		if moves.Slow == 0 || moves.Dropped > 0 {
			t.Errorf("%+v", moves)
		}
		if got := s.donors[0].donor.Status().Memory.Mapped; got > testSlab {
			t.Errorf("%d bytes are lent by a donor with no slab, want those for test reads", got)
		}
		ordered := s.latency.tests.Load()
		s.until("test reads were ordered for ten periods", func() bool { return s.latency.tests.Load() >= ordered+10 })
		s.until("test reads measure it", func() bool { return s.slow().P99 >= int64(slowTestDelay/4) })
		if !s.slow().Slow {
			t.Errorf("test reads do not find it slow: %+v", s.slow())
		}
		s.delay(0)
		s.until("test reads find it well", func() bool { return !s.slow().Slow })
		s.until("it has its memory back", func() bool { return s.donors[0].donor.Status().Memory.Mapped == int64(s.slow().Slabs)*testSlab })
	})
	report := s.engine.report()
	if report.IO.Errors != 0 || report.IO.Corrupt != 0 || report.Pages.Lost != 0 {
		t.Errorf("%+v %+v", report.IO, report.Pages)
	}
	i := slices.IndexFunc(report.Decisions, func(d status.Decision) bool { return d.Rule == string(slabmap.SlowDonor) && d.To != "" })
	if i < 0 {
		t.Fatalf("no decision says so: %+v", report.Decisions)
	}
	d := report.Decisions[i]
	if d.From != s.donors[0].cfg.Name || d.Took <= 0 || len(d.Figures) < 2 || d.Figures[0].Donor != d.To ||
		!strings.HasPrefix(d.Why, d.From+" was slow: p99 ") {
		t.Errorf("%+v", d)
	}
	of, err := s.engine.slabDecisions(d.Slab)
	if err != nil || !slices.ContainsFunc(of, func(o status.Decision) bool { return o.Seq == d.Seq }) {
		t.Errorf("the slab's own decisions are %+v, %v", of, err)
	}
}

// TestLeavingMakesWay has another donor in need while a slab leaves the slow one: that goes
// on afterwards, for the same reason, and the slow donor gets its memory back.
func TestLeavingMakesWay(t *testing.T) {
	s := newSlowRig(t, PlacementLatency)
	s.fill()
	var leaves, wanted int
	s.during(func() {
		s.until("there are baselines", func() bool {
			return !slices.ContainsFunc(s.engine.report().Donors, func(d status.Donor) bool { return d.Baseline == 0 })
		})
		s.delay(25 * slowTestDelay) // so that it does not leave before the other order is there
		s.until("a slab is leaving", func() bool {
			for leaves = range 6 {
				if old, ok := s.engine.pages.OldDonor(leaves); ok && old == 0 {
					return true
				}
			}
			return false
		})
		wanted = slices.IndexFunc(s.engine.slabs(), func(o slabmap.Slab) bool { return o.State == slabmap.Mapped && o.Donor != 0 })
		s.engine.moves.Order(s.engine.pages.Slab(wanted).Donor, []uint32{uint32(wanted)}, true)
		s.delay(slowTestDelay)
		s.until("its slabs have left the slow donor", func() bool {
			return s.slow().Slow && s.slow().Slabs == 0 && s.engine.moves.Leaving() == 0
		})
		s.until("at most the memory for test reads is lent", func() bool { return s.donors[0].donor.Status().Memory.Mapped <= testSlab })
	})
	decided := func(slab int, rule slabmap.Rule) (decision status.Decision) {
		s.until(fmt.Sprintf("slab %d has moved by %s", slab, rule), func() bool {
			all := s.engine.report().Decisions
			i := slices.IndexFunc(all, func(d status.Decision) bool { return d.Slab == slab && d.Rule == string(rule) && d.To != "" })
			if i >= 0 {
				decision = all[i]
			}
			return i >= 0
		})
		return decision
	}
	left, back := decided(leaves, slabmap.SlowDonor), decided(wanted, slabmap.GivenBack)
	if back.Seq > left.Seq {
		t.Errorf("slab %d did not make way: %+v, %+v", leaves, left, back)
	}
	if len(left.Figures) < 2 || left.Figures[0].Donor != left.To {
		t.Errorf("%+v", left)
	}
	if r := s.engine.report(); r.IO.Errors != 0 || r.IO.Corrupt != 0 || r.Pages.Lost != 0 || r.Moves.Dropped != 0 {
		t.Errorf("%+v %+v %+v", r.IO, r.Pages, r.Moves)
	}
}

// TestDonorWantsTestMemoryBack has a slow donor ask for the memory that is kept for test
// reads.
func TestDonorWantsTestMemoryBack(t *testing.T) {
	s := newSlowRig(t, PlacementLatency)
	s.fill()
	s.during(func() {
		s.until("there are baselines", func() bool {
			return !slices.ContainsFunc(s.engine.report().Donors, func(d status.Donor) bool { return d.Baseline == 0 })
		})
		s.delay(slowTestDelay)
		s.until("its slabs have left the slow donor", func() bool {
			return s.slow().Slow && s.slow().Slabs == 0 && s.engine.moves.Leaving() == 0
		})
		d := s.engine.donors.Get(0)
		l, ok := s.engine.tests.Of(d)
		if !ok {
			t.Fatal("no memory is kept")
		}
		s.engine.moves.Order(0, []uint32{uint32(l.Slab)}, false)
		s.until("it has its memory back", func() bool { return s.donors[0].donor.Status().Memory.Mapped == 0 })
		if _, ok := s.engine.tests.Of(d); ok {
			t.Error("test reads would go on")
		}
	})
}

func TestPaperPlacementStays(t *testing.T) {
	s := newSlowRig(t, PlacementPaper)
	s.fill()
	before := s.slow().Slabs
	s.during(func() {
		s.until("there are baselines", func() bool { return s.slow().Baseline > 0 })
		s.delay(slowTestDelay)
		s.until("it is measured", func() bool { return s.slow().P99 > int64(slowTestDelay/2) })
		time.Sleep(10 * slowTestPeriod)
	})
	if d := s.slow(); d.Slow || d.Slabs != before || before == 0 {
		t.Errorf("had %d slabs: %+v", before, d)
	}
	if r := s.engine.report(); r.Moves.Slow > 0 || r.Placement != PlacementPaper {
		t.Errorf("%+v %s", r.Moves, r.Placement)
	}
}

// TestLinkLatency: reads of a donor count, writes and the backing file's reads do not.
func TestLinkLatency(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	count := func() uint64 {
		sums, ok := r.engine.steering.Source.Reads()
		if !ok || len(sums) != 1 {
			t.Fatalf("%d donors, %t", len(sums), ok)
		}
		return sums[0].Count()
	}
	first, _ := r.engine.pages.Geometry().PageRange(1)
	r.write(0, first, 1, 1)
	r.heat(1)
	r.write(0, first+1, 2, 1)
	r.settle(first+1, 1)
	if n := count(); n != 0 {
		t.Errorf("%d reads after writes", n)
	}
	for i := range 10 {
		r.read(i, first+1, 2, 1)
	}
	if n := count(); n != 10 {
		t.Errorf("%d reads, want 10", n)
	}
	r.donors[0].kill()
	r.until("the donor is lost", func() bool { return r.mapped() == 0 })
	r.read(0, first+1, 2, 1)
	if n := count(); n != 10 {
		t.Errorf("%d reads after one of the backing file, want 10", n)
	}
}

// fakeSlabs are histograms by slab.
type fakeSlabs map[int]*loghist.Histogram

func (p fakeSlabs) SlabReads(i int, into *loghist.Histogram) {
	if p[i] != nil {
		into.Add(p[i])
	}
}

func (p fakeSlabs) record(slab, n int) {
	if p[slab] == nil {
		p[slab] = &loghist.Histogram{}
	}
	for range n {
		p[slab].Record(1e6)
	}
}

func TestSlabLatency(t *testing.T) {
	r := newRig(t, rigOptions{donors: 2, queues: 1, prepare: func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }})
	r.heat(0, 1, 2)
	pages := r.engine.pages
	at := func(slab int) uint16 { return pages.Slab(slab).Donor }
	probes := fakeSlabs{}
	source := placement.NewSlabLatency(r.engine.pages, probes, r.engine.donorCount)
	counts := func() []uint64 {
		sums, ok := source.Reads()
		if !ok {
			t.Fatal("not ok")
		}
		var n []uint64
		for i := range sums {
			n = append(n, sums[i].Count())
		}
		return n
	}
	for slab := range 4 {
		probes.record(slab, 50)
	}
	if got := counts(); got[0] != 0 || got[1] != 0 {
		t.Errorf("reads from before it was looked at count: %v", got)
	}
	want := []uint64{0, 0}
	for slab := range 4 { // the fourth is nowhere
		probes.record(slab, 10+slab)
		if slab < 3 {
			want[at(slab)] += uint64(10 + slab)
		}
	}
	if got := counts(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := counts(); !slices.Equal(got, want) {
		t.Errorf("counted twice: %v, want %v", got, want)
	}
	from := at(0)
	probes.record(0, 1000)
	r.engine.moves.Order(from, []uint32{0}, false)
	r.until("the slab has moved", func() bool { return pages.Slab(0).State == slabmap.Mapped && at(0) != from })
	if got := counts(); !slices.Equal(got, want) {
		t.Errorf("reads of a slab that moved count: %v, want %v", got, want)
	}
	probes.record(0, 5)
	want[at(0)] += 5
	if got := counts(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
