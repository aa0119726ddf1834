package slabmap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/internal/loghist"
)

const (
	ms            = 1e6 // nanoseconds
	testedSeconds = 5
)

// series is a donor's latency: the median of its reads in a period, in nanoseconds, and
// how many reads there are; none: it is idle.
type series func(period int) (median float64, reads int)

func steady(median float64) series {
	return func(int) (float64, int) { return median, 300 }
}

// from is before until a period, and after from then on.
func from(period int, before, after series) series {
	return func(p int) (float64, int) {
		if p < period {
			return before(p)
		}
		return after(p)
	}
}

func unread(int) (float64, int) { return 0, 0 }

// scene plays series to a judge.
type scene struct {
	judge  *Judge
	rng    *rand.Rand
	donors []series
	period int
	wild   float64 // σ of the noise of single reads
	test   bool    // slow donors that are idle are read from, at this median
	at     float64
}

func newScene(donors ...series) *scene {
	return &scene{judge: NewJudge(JudgeConfig{}), rng: rand.New(rand.NewPCG(1, 2)), donors: donors, wild: 0.3}
}

// draw is a histogram of so many reads about a median. One below 0 is half a millisecond
// and a jitter of up to so much more.
func (s *scene) draw(median float64, n int) *loghist.Histogram {
	h := &loghist.Histogram{}
	for range n {
		if median < 0 {
			h.Record(int64(0.5*ms - median*s.rng.Float64()))
			continue
		}
		h.Record(int64(median * math.Exp(s.wild*s.rng.NormFloat64())))
	}
	return h
}

// step is a period.
func (s *scene) step() {
	var reads []Reads
	tests := s.judge.Tests()
	for i, f := range s.donors {
		median, n := f(s.period)
		reads = append(reads, Reads{Donor: uint16(i), Latency: s.draw(median, n)})
		if s.test && n == 0 && slices.Contains(tests, uint16(i)) {
			reads = append(reads, Reads{Donor: uint16(i), Latency: s.draw(s.at, 100), Test: true})
		}
	}
	s.judge.Period(testedSeconds, reads)
	s.period++
}

// slowAt are the first periods in which each donor was slow, -1 for never, within so
// many periods.
func (s *scene) slowAt(periods int) []int {
	at := make([]int, len(s.donors))
	for i := range at {
		at[i] = -1
	}
	for range periods {
		s.step()
		for i := range at {
			if s.judge.Verdict(uint16(i)).Slow && at[i] < 0 {
				at[i] = s.period - 1
			}
		}
	}
	return at
}

func TestWhoIsSlow(t *testing.T) {
	well := steady(0.5 * ms)
	drift := func(perPeriod float64) series {
		return func(p int) (float64, int) { return 0.5 * ms * math.Pow(perPeriod, float64(max(p-60, 0))), 300 }
	}
	some := func(n int) series { return func(int) (float64, int) { return 20 * ms, n } }
	noise := rand.New(rand.NewPCG(3, 4))
	noisy := func(int) (float64, int) { return (0.5 + 2*noise.Float64()) * ms, 1000 }
	jitter := func(int) (float64, int) { return -2 * ms, 300 } // see draw
	everySecond := func(p int) (float64, int) {
		if p%2 == 0 && p > 60 {
			return 20 * ms, 1000
		}
		return 0.5 * ms, 1000
	}
	const never = -1
	for _, tt := range []struct {
		name   string
		donors []series
		want   []int // earliest; never, or within ten periods of that
	}{
		{"all well", []series{well, well, well}, []int{never, never, never}},
		{"one gets slow", []series{from(60, well, steady(20*ms)), well, well}, []int{62, never, never}},
		{"three times as slow is not slow", []series{from(60, well, steady(1.5*ms)), well, well}, []int{never, never, never}},
		{"two of three", []series{from(60, well, steady(20*ms)), from(60, well, steady(20*ms)), well}, []int{62, 62, never}},
		{"all get slow", []series{from(60, well, steady(20*ms)), from(60, well, steady(20*ms)), from(60, well, steady(21*ms))}, []int{never, never, never}},
		{"all get slow, one unseen", []series{from(60, well, steady(20*ms)), from(60, well, steady(20*ms)), from(40, well, unread)}, []int{never, never, never}},
		{"all get slow, one more so", []series{from(60, well, steady(20*ms)), from(60, well, steady(20*ms)), from(60, well, steady(100*ms))}, []int{never, never, 62}},
		{"noise on all", []series{from(60, well, noisy), from(60, well, noisy), from(60, well, noisy)}, []int{never, never, never}},
		{"jitter on all", []series{from(60, well, jitter), from(60, well, jitter), from(60, well, jitter)}, []int{never, never, never}},
		{"every second period", []series{everySecond, well, well}, []int{never, never, never}},
		{"two slow periods", []series{from(60, well, from(62, steady(20*ms), well)), well, well}, []int{never, never, never}},
		{"few reads", []series{from(60, well, some(2)), well, well}, []int{never, never, never}},
		{"not many reads, all slow", []series{from(60, well, some(12)), well, well}, []int{65, never, never}},
		{"alone", []series{from(60, well, steady(20*ms))}, []int{never}},
		{"others are unread, and were well", []series{from(60, well, steady(20*ms)), from(40, well, unread), from(40, well, unread)}, []int{62, never, never}},
		{"nothing is known of the other", []series{from(60, well, steady(20*ms)), unread}, []int{62, never}},
		{"far away", []series{steady(1.6 * ms), well, well}, []int{never, never, never}},
		{"slow from the start", []series{steady(20 * ms), well, well}, []int{8, never, never}},
		{"all slow from the start", []series{steady(20 * ms), steady(20 * ms), steady(20 * ms)}, []int{never, never, never}},
		{"a fast start of one", []series{from(20, steady(0.1*ms), well), well, well}, []int{never, never, never}},
		{"a fast start of all", []series{from(20, steady(0.1*ms), well), from(20, steady(0.1*ms), well), from(20, steady(0.1*ms), steady(0.8*ms))}, []int{never, never, never}},
		{"it takes microseconds", []series{from(60, steady(0.01*ms), steady(0.1*ms)), steady(0.01 * ms), steady(0.01 * ms)}, []int{never, never, never}},
		// Doubles in a minute: four times as slow after two.
		{"slower by and by", []series{drift(1.06), well, well}, []int{84, never, never}},
		// Doubles in ten minutes. Up to Margin × the best it is as good as the others, and its
		// baseline follows: slow from about Factor × Margin × the best on, after half an hour.
		{"slower by and by, slowly", []series{drift(1.006), well, well}, []int{400, never, never}},
		{"all slower by and by", []series{drift(1.06), drift(1.06), drift(1.055)}, []int{never, never, never}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(tt.donors...)
			periods := 120
			if tt.want[0] > 100 {
				periods = tt.want[0] + 50
			}
			for i, at := range s.slowAt(periods) {
				if want := tt.want[i]; want == never && at != never || want != never && (at < want || at > want+10+want/10) {
					t.Errorf("donor %d was slow first in period %d, want %d: %+v", i, at, want, s.judge.Verdict(uint16(i)))
				}
			}
		})
	}
}

// TestBaselineStandsStill has a donor slow for an hour: it is as slow as in the beginning.
func TestBaselineStandsStill(t *testing.T) {
	s := newScene(from(60, steady(0.5*ms), steady(4*ms)), steady(0.5*ms), steady(0.6*ms))
	s.slowAt(60)
	before := s.judge.Verdict(0).Baseline
	s.slowAt(720)
	if v := s.judge.Verdict(0); !v.Slow || v.Baseline > before*11/10 || before < 0.5*ms || before > 2*ms {
		t.Errorf("baseline was %d: %+v", before, v)
	}
}

func TestRecovery(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after series
		at    float64 // median of test reads
		test  bool
		slow  bool
	}{
		{"still slow", steady(20 * ms), 0, false, true},
		{"well", steady(0.5 * ms), 0, false, false},
		{"better, not well", steady(1.8 * ms), 0, false, true},
		{"no reads, and tests find it slow", unread, 20 * ms, true, true},
		{"no reads, and tests find it well", unread, 0.5 * ms, true, false},
		{"no reads, no tests", unread, 0, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(from(60, steady(0.5*ms), from(70, steady(20*ms), tt.after)), steady(0.5*ms), steady(0.5*ms))
			s.test, s.at = tt.test, tt.at
			s.slowAt(70)
			if !s.judge.Verdict(0).Slow {
				t.Fatal("not slow to begin with")
			}
			s.step()
			s.step()
			if !s.judge.Verdict(0).Slow {
				t.Error("well after two periods")
			}
			s.slowAt(3)
			if got := s.judge.Verdict(0).Slow; got != tt.slow {
				t.Errorf("slow is %t after five periods: %+v", got, s.judge.Verdict(0))
			}
		})
	}
}

// TestTrial has a slow donor without reads and tests get a slab, one at a time.
func TestTrial(t *testing.T) {
	s := newScene(from(60, steady(0.5*ms), from(64, steady(20*ms), unread)), steady(0.5*ms), steady(0.5*ms))
	s.slowAt(64)
	shut := func() bool { return s.judge.Weigh(Candidate{}).Slow }
	for i := range parole - 1 {
		s.step()
		if !shut() {
			t.Fatalf("on trial %d periods after its last read", i+1)
		}
	}
	s.step()
	if shut() || !s.judge.Verdict(0).Slow {
		t.Fatal("never on trial")
	}
	s.judge.Placed(0)
	if !shut() {
		t.Error("gets a second slab on trial")
	}
	s.donors[0] = steady(0.5 * ms)
	s.slowAt(3)
	if s.judge.Verdict(0).Slow {
		t.Errorf("its slab does well: %+v", s.judge.Verdict(0))
	}
}

// TestRelapse has a donor that is slow again and again: each time it has to be well for
// longer.
func TestRelapse(t *testing.T) {
	s := newScene(steady(0.5*ms), steady(0.5*ms))
	s.slowAt(60)
	var took []int
	for range 5 {
		s.donors[0] = steady(20 * ms)
		s.slowAt(3)
		if !s.judge.Verdict(0).Slow {
			t.Fatal("not slow")
		}
		s.donors[0] = steady(0.5 * ms)
		n := 0
		for ; s.judge.Verdict(0).Slow; n++ {
			s.step()
		}
		took = append(took, n)
	}
	if want := []int{3, 6, 12, 24, 24}; !slices.Equal(took, want) {
		t.Errorf("well after %v periods, want %v", took, want)
	}
	s.slowAt(150) // more than ten minutes
	s.donors[0] = steady(20 * ms)
	s.slowAt(3)
	s.donors[0] = steady(0.5 * ms)
	if s.slowAt(3); s.judge.Verdict(0).Slow {
		t.Error("not forgiven after ten minutes")
	}
}

func TestReturned(t *testing.T) {
	s := newScene(from(60, steady(0.5*ms), steady(20*ms)), steady(0.5*ms))
	s.slowAt(70)
	s.judge.Returned(0, false)
	if s.judge.Weigh(Candidate{}).Slow || !s.judge.Verdict(0).Slow {
		t.Errorf("a slow donor that is back gets no slab to show itself: %+v", s.judge.Verdict(0))
	}
	s.judge.Returned(0, true)
	if v := s.judge.Verdict(0); v != (Verdict{}) {
		t.Errorf("over another transport: %+v", v)
	}
	s.step()
}

func TestRelocate(t *testing.T) {
	slow := func(slow ...series) *scene {
		s := newScene(slow...)
		s.slowAt(70)
		return s
	}
	bad, well := from(60, steady(0.5*ms), steady(20*ms)), steady(0.5*ms)
	slabs := func(activities ...float64) []Held {
		var held []Held
		for i, a := range activities {
			held = append(held, Held{Slab: i, Donor: uint16(i % 3), Activity: a})
		}
		return held
	}
	for _, tt := range []struct {
		name    string
		scene   *scene
		slabs   []Held
		pending int
		prepare func(*Judge)
		want    []int
	}{
		{"the hottest of the slow one", slow(bad, well, well), slabs(100, 500, 500, 300, 500, 500, 200), 0, nil, []int{3, 6, 0}},
		{"cold ones stay", slow(bad, well, well), slabs(10, 500, 500, 300), 0, nil, []int{3}},
		{"of two slow ones", slow(bad, bad, well), slabs(100, 500, 500, 300), 0, nil, []int{1, 3, 0}},
		{"so many are on their way", slow(bad, well, well), slabs(100, 0, 0, 300, 0, 0, 200), DefaultRate - 1, nil, []int{3}},
		{"more than enough on their way", slow(bad, well, well), slabs(100, 0, 0, 300), 100, nil, nil},
		{"all are well", slow(well, well, well), slabs(100, 100, 100), 0, nil, nil},
		{"all slow alike", slow(bad, bad, bad), slabs(100, 100, 100), 0, nil, nil},
		{"the others are idle", slow(bad, from(40, well, unread), from(40, well, unread)), slabs(100, 0, 0, 300), 0, nil, []int{3}},
		{"moved twice", slow(bad, well, well), slabs(100, 0, 0, 300), 0, func(j *Judge) { j.Moved(3); j.Moved(3) }, []int{0}},
		{"moved once", slow(bad, well, well), slabs(100, 0, 0, 300), 0, func(j *Judge) { j.Moved(3) }, []int{3, 0}},
		{"refused", slow(bad, well, well), slabs(100, 0, 0, 300), 0, func(j *Judge) { j.Refused(3) }, []int{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.prepare != nil {
				tt.prepare(tt.scene.judge)
			}
			var got []int
			for _, h := range tt.scene.judge.Relocate(tt.slabs, tt.pending) {
				got = append(got, h.Slab)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if again := tt.scene.judge.Relocate(tt.slabs, tt.pending); len(got) > 0 && slices.ContainsFunc(again, func(h Held) bool { return slices.Contains(got, h.Slab) }) {
				t.Errorf("twice: %v", again)
			}
		})
	}
}

func TestRelocateForgets(t *testing.T) {
	s := newScene(from(60, steady(0.5*ms), steady(20*ms)), steady(0.5*ms))
	s.slowAt(70)
	s.judge.Moved(0)
	s.judge.Moved(0)
	s.judge.Refused(1)
	slabs := []Held{{0, 0, 100}, {1, 0, 100}}
	s.slowAt(refusalRest)
	if got := s.judge.Relocate(slabs, 0); len(got) != 1 || got[0].Slab != 1 {
		t.Errorf("a minute later: %v", got)
	}
	s.slowAt(int(moveWindow/testedSeconds) - refusalRest)
	if got := s.judge.Relocate(slabs, 0); len(got) != 2 {
		t.Errorf("ten minutes later: %v", got)
	}
}

// TestNoFlapping moves slabs as the judge says between donors of any behaviour: no slab
// moves more than twice in ten minutes, no period has more moves than it may, and only
// hot slabs of slow donors move.
func TestNoFlapping(t *testing.T) {
	all, kept := 0, 0 // moves; slabs that would have moved a third time
	defer func() {
		if all == 0 || kept == 0 {
			t.Errorf("%d moves, %d held back: this shows nothing", all, kept)
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		donors := rapid.IntRange(1, 5).Draw(t, "donors")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		config := JudgeConfig{
			Factor: rapid.Float64Range(1.01, 8).Draw(t, "factor"), Margin: rapid.Float64Range(1, 4).Draw(t, "margin"),
			Periods: rapid.IntRange(1, 4).Draw(t, "periods"), Rate: rapid.IntRange(1, 5).Draw(t, "rate"), Hot: 1,
		}
		s := newScene()
		s.judge = NewJudge(config)
		change := rapid.IntRange(1, 40).Draw(t, "change")
		level := make([]float64, donors)
		for i := range donors {
			s.donors = append(s.donors, func(p int) (float64, int) {
				if p%change == 0 {
					level[i] = ms * math.Pow(100, rng.Float64())
				}
				return level[i], []int{0, 10, 200}[rng.IntN(3)]
			})
		}
		held := make([]Held, 12)
		for i := range held {
			held[i] = Held{Slab: i, Donor: uint16(rng.IntN(donors)), Activity: float64(rng.IntN(4)) / 2}
		}
		moved := make([][]int, len(held))
		for range 200 {
			s.step()
			leave := s.judge.Relocate(held, 0)
			if len(leave) > config.Rate {
				t.Fatalf("%d slabs in a period, want at most %d", len(leave), config.Rate)
			}
			for _, h := range leave {
				if h.Activity < config.Hot || !s.judge.Verdict(h.Donor).Slow {
					t.Fatalf("%+v is to leave, of a donor %+v", h, s.judge.Verdict(h.Donor))
				}
				to := uint16(rng.IntN(donors))
				if rng.IntN(4) == 0 {
					s.judge.Refused(h.Slab)
					continue
				}
				held[h.Slab].Donor = to
				s.judge.Moved(h.Slab)
				s.judge.Placed(to)
				moved[h.Slab] = append(moved[h.Slab], s.period)
				all++
			}
			for slab, at := range moved {
				d := s.judge.Verdict(held[slab].Donor)
				if n := len(at); n >= 2 && s.period-at[n-2] < 600/testedSeconds && d.Slow && held[slab].Activity >= config.Hot {
					kept++
				}
			}
		}
		const tenMinutes = 600 / testedSeconds
		for slab, at := range moved {
			for i := 2; i < len(at); i++ {
				if at[i]-at[i-2] < tenMinutes {
					t.Fatalf("slab %d moved in periods %v", slab, at)
				}
			}
		}
	})
}

// TestAlikeIsNeverSlow has donors that do alike, whatever that is: none is slow.
func TestAlikeIsNeverSlow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		donors := rapid.IntRange(1, 6).Draw(t, "donors")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		change := rapid.IntRange(1, 50).Draw(t, "change")
		s := newScene()
		s.rng = rng
		level := ms * 1.0
		for i := range donors {
			s.donors = append(s.donors, func(p int) (float64, int) {
				if i == 0 && p%change == 0 {
					level = ms * math.Pow(100, rng.Float64()-0.5)
				}
				return level * (0.85 + 0.3*rng.Float64()), 200
			})
		}
		for i, at := range s.slowAt(200) {
			if at >= 0 {
				t.Fatalf("donor %d was slow in period %d", i, at)
			}
		}
	})
}

// TestSlowIsFound has one donor of several become much slower at any time, after any
// history that all shared: it is found within Periods + 1, the others are not, and it is
// well soon after it does as the others do.
func TestSlowIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		donors := rapid.IntRange(2, 6).Draw(t, "donors")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		onset := rapid.IntRange(20, 100).Draw(t, "onset")
		lasts := rapid.IntRange(5, 100).Draw(t, "lasts")
		s := newScene()
		s.rng = rng
		for i := range donors {
			s.donors = append(s.donors, func(p int) (float64, int) {
				m := ms * (0.9 + 0.2*rng.Float64())
				if i == 0 && p >= onset && p < onset+lasts {
					m *= 12
				}
				return m, 300
			})
		}
		s.slowAt(onset)
		for i, at := range s.slowAt(lasts) {
			if i == 0 && (at < onset+DefaultPeriods-1 || at > onset+DefaultPeriods) || i > 0 && at >= 0 {
				t.Fatalf("donor %d was slow in period %d, want 0 from %d on", i, at, onset)
			}
		}
		s.slowAt(DefaultPeriods + 1)
		if v := s.judge.Verdict(0); v.Slow {
			t.Fatalf("still slow: %+v", v)
		}
	})
}

// TestJudgeTakesAnything: figures that cannot be do no harm.
func TestJudgeTakesAnything(t *testing.T) {
	j := NewJudge(JudgeConfig{})
	h := &loghist.Histogram{}
	for range 1000 {
		h.Record(math.MaxInt64)
	}
	for _, seconds := range []float64{0, -1, math.NaN(), 5} {
		j.Period(seconds, []Reads{{Donor: 1, Latency: h}, {Donor: 1}, {Donor: 2, Latency: nil, Test: true}})
	}
	if v := j.Verdict(1); v.P99 != loghist.Most || v.Slow {
		t.Errorf("%+v", v)
	}
	j.Placed(77)
	j.Returned(77, true)
	if v := j.Verdict(77); v != (Verdict{}) {
		t.Errorf("a donor that nobody knows: %+v", v)
	}
}

func TestJudgeConfig(t *testing.T) {
	for _, c := range []JudgeConfig{
		{Factor: 1},
		{Factor: -1},
		{Factor: math.NaN()},
		{Factor: math.Inf(1)},
		{Margin: 0.5},
		{Margin: math.NaN()},
		{Periods: -1},
		{Rate: -1},
		{Rate: 1 << 21},
		{MinReads: -1},
		{Floor: -1},
		{Hot: -1},
		{Hot: math.NaN()},
		{Hot: math.Inf(1)},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	if err := (JudgeConfig{}).withDefaults().Validate(); err != nil {
		t.Error(err)
	}
}

func ExampleJudge() {
	judge := NewJudge(JudgeConfig{})
	reads := func(ns int64) *loghist.Histogram {
		h := &loghist.Histogram{}
		for range 1000 {
			h.Record(ns)
		}
		return h
	}
	for period := range 20 {
		first := int64(300_000)
		if period >= 10 {
			first = 20_000_000
		}
		judge.Period(5, []Reads{{Donor: 1, Latency: reads(first)}, {Donor: 2, Latency: reads(300_000)}})
		if judge.Verdict(1).Slow {
			fmt.Println("slow after period", period)
			fmt.Println(judge.Relocate([]Held{{Slab: 7, Donor: 1, Activity: 100}, {Slab: 8, Donor: 2, Activity: 500}}, 0))
			break
		}
	}
	// Output:
	// slow after period 12
	// [{7 1 100}]
}
