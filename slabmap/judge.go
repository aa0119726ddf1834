package slabmap

import (
	"maps"
	"slices"

	"github.com/farswap/farswap/internal/loghist"
)

// Judge says which donors are slow, and which slabs are to leave them. Make one with
// NewJudge. It is not safe for concurrent use.
//
// Time goes in periods of some seconds. At the end of each, Period takes the latencies
// of the reads that donors served in it. What counts is their p99, of at least MinReads
// reads: fewer are added to those of the next periods, for as long as carryMost periods.
// A fifth is enough if half of them took longer than a p99 may: who waits for a slow donor
// reads little.
//
// A donor's baseline is the lower quartile of its last 60 p99s, those in which it stood
// out left out. It goes down at once. Up it goes by a tenth a period when the other
// donors got slower, too, and so slowly when they did not (to twice in an hour) that a
// donor that gets slower by and by is found out. It stands still while a donor is slow.
// And no donor is held to a baseline below the median of the others', so that one
// which was measured while it had nothing to do is not taken for slow when it has; nor
// above Factor times that median, so that one which was slow from the start is not
// taken for well.
//
// A period is bad if the p99 is above Factor × baseline, and above Margin × the p99 of
// the best of the others, and above Floor. After Periods bad ones in a row the donor is
// slow. It is well again after as many in a row in which its p99 was at most half as far
// above the baseline or the best of the others. A donor that becomes slow again within
// ten minutes has to be well for twice as long as the last time.
//
// Donors that were measured are compared with others that were, within Periods periods.
// If there are none, the others are taken for what their baselines are, with caution:
// slabs move one in a period, until there is something to compare with.
type Judge struct {
	config  JudgeConfig
	now     float64 // seconds
	periods int
	donors  map[uint16]*judged
	here    []uint16          // donors in the last period, ascending
	moves   map[int][]float64 // when slabs were moved, by slab
	refused map[int]int       // the period in which no donor took a slab
	ordered map[int]struct{}  // moves that were planned in this period
}

// judged is what is known of a donor.
type judged struct {
	reads   loghist.Histogram // not enough yet
	carried int               // periods that they are from
	tested  bool              // there are test reads among them

	p99      int64   // last measured, 0 if not since it was connected
	recent   []int64 // the last Periods of them
	age      int     // periods since
	seen     []int64
	baseline float64 // own; 0 if not known yet
	held     float64 // what it is held to, as of the last period

	bad, good int // periods in a row
	slow      bool
	need      int     // good periods that it takes to be well
	wasSlow   bool    // it has been slow, and well again
	recovered float64 // when it last became well again
}

// Reads is what a donor's memory showed in a period. A donor that is connected has
// one also without reads.
type Reads struct {
	Donor   uint16
	Latency *loghist.Histogram // nil: none
	Test    bool               // reads made to see how a donor does: no baseline follows from them
}

// NewJudge returns the judge of donors that nothing is known of.
// Precondition: config.Validate() is nil.
func NewJudge(config JudgeConfig) *Judge {
	return &Judge{
		config: config.withDefaults(), donors: make(map[uint16]*judged),
		moves: make(map[int][]float64), refused: make(map[int]int), ordered: make(map[int]struct{}),
	}
}

// Period ends a period of so many seconds. reads may name a donor more than once. Those
// that it does not name are not connected, and are not compared with. It does nothing
// if seconds is not above 0.
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

// measure takes the p99 if there are enough reads for one.
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

// fresh reports whether what was measured last still says something.
func (j *Judge) fresh(d *judged) bool { return d.p99 > 0 && d.age <= j.config.Periods }

// estimate is what is to be expected of a donor, 0 if nothing is known.
func (j *Judge) estimate(d *judged) float64 {
	if j.fresh(d) {
		return float64(d.p99)
	}
	return d.baseline
}

// best is the p99 of the best of the connected donors other than id, each taken at its
// worst of the last periods, so that it need not have been lucky. Only if none of them
// was measured lately, it is the least of their baselines: a donor that has had nothing
// to do may be as slow by now as the others. 0 if nothing is known of any.
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

// least is the smaller of two figures, of which 0 is none.
func least(a, b float64) float64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// heldTo is the baseline that a donor is held to, 0 if it has none yet.
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

// judge weighs the p99 of a donor that was measured in this period.
func (j *Judge) judge(id uint16) {
	d, best := j.donors[id], j.best(id)
	p99, limit := float64(d.p99), j.config.Factor*d.held
	floor := float64(j.config.Floor)
	apart := p99 > j.config.Margin*best // also if nothing is known of the others: somebody has to try them
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

// watch counts bad periods of a donor that is not slow.
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

// learn has the baseline follow the p99. alone: no other donor is as slow.
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

// Verdict is what a Judge knows of a donor.
type Verdict struct {
	P99      int64 // last measured, in nanoseconds; 0: not lately
	Baseline int64 // what it is held to, in nanoseconds; 0: not known yet
	Slow     bool
}

// Verdict is what is known of a donor as of the last period.
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

// Weigh completes a candidate with what is known of its latency. A slow donor that was
// not measured for long counts as well, until it got a slab: see Placed.
func (j *Judge) Weigh(c Candidate) Candidate {
	if d := j.donors[c.Donor]; d != nil {
		c.P99 = int64(j.estimate(d))
		c.Slow = d.slow && d.age < parole
	}
	return c
}

// Placed tells that a donor has got a slab.
func (j *Judge) Placed(donor uint16) {
	if d := j.donors[donor]; d != nil && d.slow {
		d.age, d.p99, d.recent = 0, 0, nil
	}
}

// Returned tells that a donor was connected again: what it was measured at before says
// little, and a slow one gets a slab to show itself. If otherwise, by which its pages
// travel, has changed its baseline says nothing, either.
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

// Tests names the donors whose reads do not show how they do, and who are to be read
// from to see it: slow ones.
func (j *Judge) Tests() []uint16 {
	var slow []uint16
	for _, id := range j.here {
		if j.donors[id].slow {
			slow = append(slow, id)
		}
	}
	return slow
}
