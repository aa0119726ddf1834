package slabmap

import (
	"maps"
	"slices"

	"github.com/farswap/farswap/internal/loghist"
)

// Judge decides which donors are slow and which slabs should leave them. Make one with NewJudge. It is not
// safe for concurrent use.
//
// Time goes in periods of some seconds. At the end of each, Period takes the latencies of the reads that
// donors have served in it. The judge uses their p99 if there are at least MinReads reads. Otherwise it adds
// the reads to those of the next periods, for carryMost periods at most. A fifth of MinReads is enough if
// half of the reads took longer than a p99 may, because a device that waits for a slow donor reads little.
//
// A donor's baseline is the lower quartile of its last 60 p99s, without those of bad periods. It falls at
// once. It rises by a tenth a period when the other donors became slower, too. Otherwise it rises so slowly
// (to twice in an hour) that the judge also finds a donor that becomes slower gradually. It does not change
// while a donor is slow. The baseline that the judge applies is at least the median of the others', so that
// it does not take a donor for slow that was idle during its first measurements. It is at most Factor times
// that median, so that it finds a donor that was slow from the start.
//
// A period is bad if the p99 is above Factor × baseline, above Margin × the p99 of the best other donor, and
// above Floor. After Periods bad periods in a row the donor is slow. It is well again after as many periods
// in a row in which its p99 was at most half as far above the baseline or the best other donor. A donor that
// becomes slow again within ten minutes must be well for twice as long as the last time.
//
// The judge compares a donor with others that it has measured within the last Periods periods. If there are
// none, it compares with their baselines, and is cautious: one slab moves in a period, until there is a
// measurement to compare with.
type Judge struct {
	config  JudgeConfig
	now     float64 // seconds
	periods int
	donors  map[uint16]*judged
	here    []uint16          // donors in the last period, ascending
	moves   map[int][]float64 // times of moves, by slab
	refused map[int]int       // by slab: the period in which no donor took it
	ordered map[int]struct{}  // slabs that Relocate named in this period
}

// judged is what a judge knows about a donor.
type judged struct {
	reads   loghist.Histogram // too few for a p99 so far
	carried int               // number of periods of reads
	tested  bool              // reads contains test reads

	p99      int64   // last measurement; 0: none since it was connected
	recent   []int64 // the last Periods measurements
	age      int     // periods since the last measurement
	seen     []int64
	baseline float64 // its own; 0: not known yet
	held     float64 // the baseline that the judge applies, as of the last period

	bad, good int // periods in a row
	slow      bool
	need      int     // good periods in a row after which it is well
	wasSlow   bool    // it was slow before and is well again
	recovered float64 // when it last became well again
}

// Reads are the reads of a donor's memory in a period. A connected donor has one even without reads.
type Reads struct {
	Donor   uint16
	Latency *loghist.Histogram // nil: none
	Test    bool               // the reads are test reads: they do not change the baseline
}

// NewJudge returns a judge that knows no donor.
// Precondition: config.Validate() is nil.
func NewJudge(config JudgeConfig) *Judge {
	return &Judge{
		config: config.withDefaults(), donors: make(map[uint16]*judged),
		moves: make(map[int][]float64), refused: make(map[int]int), ordered: make(map[int]struct{}),
	}
}

// Period ends a period. reads may name a donor more than once. A donor that it does not name is not connected,
// and the judge does not compare with it. It does nothing if seconds is not above 0.
func (j *Judge) Period(seconds float64, reads []Reads) {
	if !(seconds > 0) {
		return
	}
	j.now += seconds
	j.periods++
	clear(j.ordered)
	j.forgetMoves()
	here := map[uint16]bool{}
	for _, r := range reads {
		here[r.Donor] = true
		d := j.donor(r.Donor)
		if r.Latency != nil && r.Latency.Sum > 0 {
			d.reads.Add(r.Latency)
			d.tested = d.tested || r.Test
		}
	}
	j.here = slices.Sorted(maps.Keys(here))
	var measured []uint16
	for _, id := range j.here {
		if j.donors[id].measure(j.config) {
			measured = append(measured, id)
		}
	}
	for _, id := range j.here {
		j.donors[id].held = j.heldTo(id)
	}
	for _, id := range measured {
		j.judge(id)
	}
	for _, id := range j.here {
		j.donors[id].tested = j.donors[id].tested && j.donors[id].carried > 0
	}
}

func (j *Judge) donor(id uint16) *judged {
	d := j.donors[id]
	if d == nil {
		d = &judged{need: j.config.Periods}
		j.donors[id] = d
	}
	return d
}

// measure computes the p99 if there are enough reads, and reports whether it did.
func (d *judged) measure(config JudgeConfig) bool {
	d.age++
	d.carried++
	n := d.reads.Count()
	if n >= uint64(config.MinReads) || n >= uint64(config.MinReads+few-1)/few && d.held > 0 && float64(d.reads.Quantile(0.5)) > config.Factor*d.held {
		d.p99, d.age, d.carried = d.reads.Quantile(0.99), 0, 0
		d.recent = append(d.recent[max(0, len(d.recent)+1-config.Periods):], d.p99)
		d.reads = loghist.Histogram{}
		return true
	}
	if d.carried >= carryMost {
		d.carried, d.reads, d.tested = 0, loghist.Histogram{}, false
		d.bad = 0
	}
	return false
}

// fresh reports whether the last measurement is recent enough to use.
func (j *Judge) fresh(d *judged) bool { return d.p99 > 0 && d.age <= j.config.Periods }

// estimate is the p99 to expect from a donor, 0 if it is unknown.
func (j *Judge) estimate(d *judged) float64 {
	if j.fresh(d) {
		return float64(d.p99)
	}
	return d.baseline
}

// best is the p99 of the best connected donor other than id. It uses the worst of each donor's last
// measurements, so that luck does not count. If none of them has a recent measurement, best is the least of
// their baselines; such a donor may by now be as slow as the others. 0 means that nothing is known.
func (j *Judge) best(id uint16) float64 {
	measured, expected := 0.0, 0.0
	for _, other := range j.here {
		d := j.donors[other]
		switch {
		case other == id:
		case j.fresh(d):
			measured = least(measured, float64(slices.Max(d.recent)))
		default:
			expected = least(expected, d.baseline)
		}
	}
	if measured > 0 {
		return measured
	}
	return expected
}

// least is the smaller of two figures. 0 stands for no figure.
func least(a, b float64) float64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// heldTo is the baseline that the judge applies to a donor, 0 if it has none yet.
func (j *Judge) heldTo(id uint16) float64 {
	own := j.donors[id].baseline
	if own == 0 {
		return 0
	}
	var others []float64
	for _, other := range j.here {
		if b := j.donors[other].baseline; other != id && b > 0 {
			others = append(others, b)
		}
	}
	if len(others) == 0 {
		return own
	}
	slices.Sort(others)
	median := others[(len(others)-1)/2]
	return min(max(own, median), j.config.Factor*median)
}

// judge judges a donor by its measurement of this period.
func (j *Judge) judge(id uint16) {
	d, best := j.donors[id], j.best(id)
	p99, limit := float64(d.p99), j.config.Factor*d.held
	floor := float64(j.config.Floor)
	apart := p99 > j.config.Margin*best // true if nothing is known of the others: a slab has to try them
	bad := d.held > 0 && p99 > limit && apart && p99 > floor && len(j.here) > 1
	if !d.slow {
		if !bad && !d.tested {
			d.learn(apart && best > 0)
		}
		j.watch(d, bad)
		return
	}
	if p99 > (1+j.config.Factor)/2*d.held && p99 > (1+j.config.Margin)/2*best && p99 > floor {
		d.good = 0
		return
	}
	if d.good++; d.good >= d.need {
		d.slow, d.bad, d.wasSlow, d.recovered = false, 0, true, j.now
	}
}

// watch counts the bad periods of a donor that is not slow.
func (j *Judge) watch(d *judged, bad bool) {
	if !bad {
		d.bad = 0
		return
	}
	if d.bad++; d.bad < j.config.Periods {
		return
	}
	d.slow, d.good = true, 0
	if d.wasSlow && j.now-d.recovered < moveWindow {
		d.need = min(2*d.need, needMost*j.config.Periods)
	} else {
		d.need = j.config.Periods
	}
}

// learn adapts the baseline to the p99. alone says that no other donor is as slow.
func (d *judged) learn(alone bool) {
	if len(d.seen) == remembered {
		d.seen = slices.Delete(d.seen, 0, 1)
	}
	d.seen = append(d.seen, d.p99)
	if len(d.seen) < warmUp {
		return
	}
	sorted := slices.Sorted(slices.Values(d.seen))
	quartile := float64(sorted[(len(sorted)-1)/4])
	rise := riseTogether
	if alone {
		rise = riseAlone
	}
	if d.baseline == 0 || quartile < d.baseline {
		d.baseline = quartile
	} else {
		d.baseline = min(quartile, d.baseline*rise)
	}
}

// Verdict is what a Judge knows about a donor.
type Verdict struct {
	P99      int64 // last measurement, in nanoseconds; 0: no recent one
	Baseline int64 // that the judge applies, in nanoseconds; 0: not known yet
	Slow     bool
}

// Verdict returns what the judge knows about a donor as of the last period.
func (j *Judge) Verdict(donor uint16) Verdict {
	d := j.donors[donor]
	if d == nil {
		return Verdict{}
	}
	v := Verdict{Baseline: int64(d.held), Slow: d.slow}
	if j.fresh(d) {
		v.P99 = d.p99
	}
	return v
}

// Weigh completes a candidate with its latency. A slow donor without a measurement for long counts as well
// until it gets a slab: see Placed.
func (j *Judge) Weigh(c Candidate) Candidate {
	if d := j.donors[c.Donor]; d != nil {
		c.P99 = int64(j.estimate(d))
		c.Slow = d.slow && d.age < parole
	}
	return c
}

// Placed tells the judge that a donor has got a slab.
func (j *Judge) Placed(donor uint16) {
	if d := j.donors[donor]; d != nil && d.slow {
		d.age, d.p99, d.recent = 0, 0, nil
	}
}

// Returned tells the judge that a donor is connected again. Earlier measurements say little then, and a slow
// donor gets a slab to show how it is. otherwise says that its transport has changed; then its baseline says
// nothing, either.
func (j *Judge) Returned(donor uint16, otherwise bool) {
	d := j.donors[donor]
	if d == nil {
		return
	}
	d.reads, d.carried, d.tested = loghist.Histogram{}, 0, false
	d.p99, d.recent, d.age, d.bad, d.good = 0, nil, parole, 0, 0
	if otherwise {
		j.donors[donor] = &judged{need: j.config.Periods}
	}
}

// Tests names the donors that need test reads: the slow ones, since ordinary reads do not show how they are.
func (j *Judge) Tests() []uint16 {
	var slow []uint16
	for _, id := range j.here {
		if j.donors[id].slow {
			slow = append(slow, id)
		}
	}
	return slow
}
