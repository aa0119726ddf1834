package evict

import (
	"errors"
	"math"
	"testing"
)

const (
	mib  = int64(1) << 20
	gib  = int64(1) << 30
	slab = 64 * mib
)

// machine is the machine of a donor in tests. It carries plans out; evicted slabs come back after some
// ticks.
type machine struct {
	t     *testing.T
	g     *Governor
	total int64
	apps  int64 // bytes that local applications use
	stall float64
	lent  Lent
	slow  int     // ticks that an eviction takes
	home  []int64 // bytes on their way back, by ticks left
}

func newMachine(t *testing.T, headRoom, apps int64, lent Lent) *machine {
	m := &machine{t: t, g: NewGovernor(Config{HeadRoom: headRoom}), total: 64 * gib, apps: apps, lent: lent}
	if m.lent.Limit == 0 {
		m.lent.Limit = m.total
	}
	if m.lent.SlabSize == 0 {
		m.lent.SlabSize = slab
	}
	return m
}

func (m *machine) available() int64 { return max(m.total-m.apps-m.lent.taken(), 0) }

func (m *machine) tick() Plan {
	plan := m.g.Tick(1, Sample{Available: m.available(), Total: m.total, Stall: m.stall}, m.lent)
	checkPlan(m.t, plan, m.lent)
	m.lent.Prepared += plan.Prepare - plan.Release
	m.lent.Returning += plan.Evict
	m.home = append(m.home, plan.Evict)
	for len(m.home) > m.slow {
		m.lent.Returning -= m.home[0]
		m.lent.Mapped -= m.home[0]
		m.home = m.home[1:]
	}
	return plan
}

// checkPlan checks what holds for every plan.
func checkPlan(t interface{ Errorf(string, ...any) }, p Plan, l Lent) {
	whole := func(n, all int64) bool { return n >= 0 && n <= all && (n%l.SlabSize == 0 || n == all) }
	if !whole(p.Release, l.Prepared) || !whole(p.Evict, l.Mapped-l.Returning) {
		t.Errorf("%+v of %+v", p, l)
	}
	if p.Prepare < 0 || p.Prepare%l.SlabSize != 0 || p.Prepare > 0 && (p.Prepare+l.Prepared > l.Ahead || p.Prepare+l.taken() > l.Limit) {
		t.Errorf("prepare %+v for %+v", p, l)
	}
	if p.Prepare > 0 && p.Release+p.Evict > 0 {
		t.Errorf("both ways: %+v", p)
	}
	if p.Evict > 0 && p.Release < l.Prepared {
		t.Errorf("evicts before all that is prepared is released: %+v of %+v", p, l)
	}
	if p.Available < 0 {
		t.Errorf("available %d", p.Available)
	}
}

func TestPreparesAheadAboveHeadRoom(t *testing.T) {
	m := newMachine(t, 8*gib, 10*gib, Lent{Ahead: 4 * slab})
	if p := m.tick(); p != (Plan{Prepare: 4 * slab, Available: 54 * gib}) {
		t.Errorf("%+v", p)
	}
	if p := m.tick(); p != (Plan{Available: 54*gib - 4*slab}) {
		t.Errorf("again: %+v: its own step must not look like an application's", p)
	}
}

func TestPreparingEndsAtSlack(t *testing.T) {
	m := newMachine(t, 8*gib, 55*gib-slab-1, Lent{Ahead: 4 * slab}) // slack 1 GiB, and one slab above it
	if p := m.tick(); p.Prepare != slab {
		t.Errorf("%+v", p)
	}
	if p := m.tick(); p.Prepare != 0 || p.Release != 0 {
		t.Errorf("%+v", p)
	}
}

func TestPreparedGoesBeforeMapped(t *testing.T) {
	m := newMachine(t, 8*gib, 20*gib, Lent{Prepared: 2 * slab, Mapped: 20 * gib})
	m.tick()
	m.apps = m.total - m.lent.taken() - 8*gib + 3*slab // three short
	var released, evicted int64
	for range 30 {
		p := m.tick()
		released, evicted = released+p.Release, evicted+p.Evict
		if p.Urgent {
			t.Fatalf("urgent: %+v", p)
		}
	}
	if released != 2*slab || evicted != slab {
		t.Errorf("released %d MiB, evicted %d MiB, want 128 and 64", released/mib, evicted/mib)
	}
}

func TestSpikeOfOneSecondDoesNotFlush(t *testing.T) {
	for _, spike := range []int64{2 * gib, 10 * gib, 16 * gib} {
		m := newMachine(t, 8*gib, 22*gib, Lent{Prepared: 4 * slab, Mapped: 20 * gib, Ahead: 4 * slab})
		for range 5 {
			m.tick()
		}
		m.apps += spike
		p := m.tick()
		if p.Urgent || p.Evict > 0 {
			t.Errorf("spike of %d GiB with 10 GiB to spare: %+v", spike/gib, p)
		}
		m.apps -= spike
		for range 20 {
			if p := m.tick(); p.Urgent || p.Evict > 0 {
				t.Errorf("after a spike of %d GiB: %+v", spike/gib, p)
			}
		}
	}
}

func TestSpikeAtHeadRoomIsRationed(t *testing.T) {
	m := newMachine(t, 8*gib, 36*gib, Lent{Mapped: 20 * gib}) // nothing to spare
	m.tick()
	m.apps += 8 * gib
	total := m.tick().Evict
	m.apps -= 8 * gib
	for range 20 {
		total += m.tick().Evict
	}
	if want := 8 * gib / evictShare; total > want {
		t.Errorf("evicted %d MiB for a spike, want at most a tick's %d", total/mib, want/mib)
	}
}

func TestRealShortageIsAnsweredWithinTwoTicks(t *testing.T) {
	for _, c := range []struct {
		name  string
		grow  int64
		stall float64
		ticks int // until the donor has asked back the whole shortage
	}{
		{"far under", 15 * gib, 0, 2},
		{"all of it", 17 * gib, 0, 2},
		{"with stalls", 11 * gib, 0.3, 1},
		{"with stalls, little", 10*gib + slab, 0.3, 1},
	} {
		m := newMachine(t, 8*gib, 26*gib, Lent{Mapped: 20 * gib, Prepared: 2 * slab})
		m.slow = 3 // the donor does not ask twice for memory on its way back
		for range 5 {
			m.tick()
		}
		m.apps += c.grow
		m.stall = c.stall
		var back int64
		urgent := false
		for range c.ticks {
			p := m.tick()
			back += p.Release + p.Evict
			urgent = p.Urgent
		}
		short := m.apps + 20*gib + 2*slab + 8*gib - m.total
		if !urgent || back < short || back > short+slab {
			t.Errorf("%s: %d MiB asked back after %d ticks (urgent %t), %d are short", c.name, back/mib, c.ticks, urgent, short/mib)
		}
		for range 10 {
			if p := m.tick(); p.Evict > 0 {
				t.Errorf("%s: asked for more: %+v", c.name, p)
			}
		}
	}
}

// Memory on its way back does not end a shortage.
func TestWhatReturnsIsHurried(t *testing.T) {
	for _, c := range []struct {
		name string
		grow int64
		want bool
	}{
		{"mild", 11 * gib, false},
		{"deep", 15 * gib, true},
	} {
		m := newMachine(t, 8*gib, 26*gib, Lent{Mapped: 20 * gib})
		m.slow = 100
		m.tick()
		m.apps += 11 * gib
		m.tick()
		if p := m.tick(); p.Hurry || m.lent.Returning == 0 {
			t.Fatalf("%s: %+v before there is need, %+v", c.name, p, m.lent)
		}
		m.apps += c.grow - 11*gib
		first, second := m.tick(), m.tick()
		if first.Hurry || second.Hurry != c.want {
			t.Errorf("%s: hurry in the first tick %t, in the second %t, want %t", c.name, first.Hurry, second.Hurry, c.want)
		}
		m.apps -= 11 * gib
		m.tick()
		if p := m.tick(); p.Hurry {
			t.Errorf("%s: still, though memory is plenty: %+v", c.name, p)
		}
	}
	m := newMachine(t, 8*gib, 10*gib, Lent{Mapped: 20 * gib})
	m.apps, m.stall = 100*gib, 1
	if p := m.tick(); p.Hurry {
		t.Errorf("nothing is returning: %+v", p)
	}
}

func TestMildShortageThatLasts(t *testing.T) {
	m := newMachine(t, 8*gib, 26*gib, Lent{Mapped: 20 * gib})
	m.tick()
	m.apps += 11 * gib // 1 GiB short
	if p := m.tick(); p.Evict != 0 {
		t.Errorf("at once: %+v: the average still has room", p)
	}
	if p := m.tick(); p.Evict != gib || p.Urgent {
		t.Errorf("second tick: %+v", p)
	}
}

// The check with a real application: it grows past the headroom at 200 MB/s on a
// machine of 3 GiB.
func TestApplicationThatGrows(t *testing.T) {
	m := newMachine(t, gib/2, gib, Lent{Mapped: 12 * slab})
	m.total, m.lent.Limit, m.slow = 3*gib, 16*slab, 1
	least := m.total
	for range 12 {
		m.apps = min(m.apps+200e6, m.total)
		m.tick()
		if m.lent.Mapped > 0 {
			least = min(least, m.available())
		}
	}
	if m.lent.Mapped != 0 {
		t.Errorf("%d MiB still mapped", m.lent.Mapped/mib)
	}
	if least < 64*mib {
		t.Errorf("%d MiB were available while memory was lent", least/mib)
	}
}

func TestStallAloneMeansNothing(t *testing.T) {
	m := newMachine(t, 8*gib, 30*gib, Lent{Mapped: 20 * gib, Ahead: slab})
	m.stall = 0.9
	if p := m.tick(); p.Urgent || p.Evict != 0 || p.Prepare != slab {
		t.Errorf("%+v", p)
	}
}

func TestNothingIsLentForAWhileAfterAShortage(t *testing.T) {
	m := newMachine(t, 8*gib, 30*gib, Lent{Mapped: 10 * gib, Ahead: 4 * slab})
	m.tick()
	m.stall = 1
	m.apps = 47 * gib
	if p := m.tick(); p.Evict != gib {
		t.Fatalf("%+v", p)
	}
	m.stall, m.apps = 0, 20*gib
	quiet := 0
	for ; m.tick().Prepare == 0; quiet++ {
		if room := m.g.Room(m.lent); quiet < DefaultCalm-1 && room != 0 {
			t.Fatalf("room for %d after %d ticks", room, quiet+1)
		}
	}
	if quiet != DefaultCalm-1 {
		t.Errorf("prepared again after %d ticks, want %d", quiet+1, DefaultCalm)
	}
}

func TestLowerLimit(t *testing.T) {
	m := newMachine(t, 8*gib, 10*gib, Lent{Mapped: 10 * gib, Prepared: 2 * slab, Ahead: 4 * slab})
	m.tick()
	m.lent.Limit = 5 * gib
	ticks := 0
	for ; m.lent.taken() > m.lent.Limit; ticks++ {
		if ticks > 10 {
			t.Fatalf("%+v is still above the limit", m.lent)
		}
		if p := m.tick(); p.Urgent || p.Evict > 2*gib {
			t.Errorf("%+v", p)
		}
	}
	if m.tick().Evict != 0 {
		t.Error("below the limit now")
	}
}

func TestRoom(t *testing.T) {
	lent := Lent{Mapped: 10 * gib, Prepared: gib, Limit: 40 * gib, SlabSize: slab}
	m := newMachine(t, 8*gib, 20*gib, lent)
	if room := m.g.Room(lent); room != 0 {
		t.Errorf("%d before the first tick", room)
	}
	m.tick()
	if room, want := m.g.Room(lent), (64-20-10-8-1)*gib; room != want {
		t.Errorf("%d, want %d", room/gib, want/gib)
	}
	lent.Mapped += 5 * gib // since the last tick
	if room, want := m.g.Room(lent), (64-20-15-8-1)*gib; room != want {
		t.Errorf("%d, want %d", room/gib, want/gib)
	}
	lent.Limit = 16 * gib
	if room := m.g.Room(lent); room != gib {
		t.Errorf("%d, want what the limit leaves", room)
	}
	lent.Mapped = 60 * gib
	if room := m.g.Room(lent); room != 0 {
		t.Errorf("%d of a machine that is full", room)
	}
}

func TestSetHeadRoom(t *testing.T) {
	m := newMachine(t, 8*gib, 44*gib, Lent{Mapped: 10 * gib})
	m.tick()
	m.g.SetHeadRoom(12 * gib)
	if got := m.g.HeadRoom(); got != 12*gib {
		t.Errorf("headroom %d", got)
	}
	if p := m.tick(); p.Evict != 2*gib {
		t.Errorf("%+v", p)
	}
	m.g.SetHeadRoom(-1)
	if got := m.g.HeadRoom(); got != 0 {
		t.Errorf("headroom %d", got)
	}
}

func TestValidate(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Config{
		{HeadRoom: -1},
		{Slack: -1},
		{Beta: 1.1},
		{Beta: -0.1},
		{Beta: math.NaN()},
		{StallLimit: 2},
		{StallLimit: math.NaN()},
		{EvictRate: -1},
		{PrepareRate: -1},
		{Calm: -1},
		{Calm: math.Inf(1)},
		{Calm: math.NaN()},
	} {
		if err := c.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestTickWithoutTimeDoesNothing(t *testing.T) {
	g := NewGovernor(Config{HeadRoom: gib})
	for _, seconds := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if p := g.Tick(seconds, Sample{}, Lent{Mapped: gib}); p != (Plan{}) {
			t.Errorf("%g: %+v", seconds, p)
		}
	}
}

func TestOneLateTickWeighsAsManyAsItReplaces(t *testing.T) {
	often, once := NewGovernor(Config{}), NewGovernor(Config{})
	lent := Lent{SlabSize: slab}
	often.Tick(1, Sample{Available: 10 * gib}, lent)
	once.Tick(1, Sample{Available: 10 * gib}, lent)
	var last Plan
	for range 5 {
		last = often.Tick(1, Sample{Available: 2 * gib}, lent)
	}
	late := once.Tick(5, Sample{Available: 2 * gib}, lent)
	if diff := last.Available - late.Available; diff < -8 || diff > 8 {
		t.Errorf("%d, then %d", last.Available, late.Available)
	}
	if last.Available < 4*gib || last.Available > 5*gib { // 2 + 8·0.8⁵ = 4.62
		t.Errorf("smoothed to %d MiB", last.Available/mib)
	}
}
