package evict

import (
	"math"
	"sync"
)

// Governor decides once a second how much memory a donor may have. Make one with
// NewGovernor. Its methods may be called from any goroutine.
type Governor struct {
	mu     sync.Mutex // guards the fields below
	given  Config     // as the caller wrote it
	config Config     // with defaults

	ticked     bool
	left       int64   // to the donor by applications, at the last Tick: available + taken
	average    float64 // of left, smoothed
	grew       int64   // bytes a second that applications took before the last Tick; below 0 if they gave
	deepBefore bool    // the last Tick saw a deep shortage
	lateBefore bool    // the same, had nothing come of what was Returning
	calm       float64 // seconds until lending may go on
}

// NewGovernor returns the governor of a donor that has taken nothing yet.
// Precondition: config.Validate() is nil.
func NewGovernor(config Config) *Governor {
	return &Governor{given: config, config: config.withDefaults()}
}

// SetHeadRoom changes the headroom, in bytes, from the next Tick on; below 0
// counts as 0. Defaults that follow from it change with it.
func (g *Governor) SetHeadRoom(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.given.HeadRoom = max(bytes, 0)
	g.config = g.given.withDefaults()
}

// HeadRoom is the headroom in bytes.
func (g *Governor) HeadRoom() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.config.HeadRoom
}

// Tick takes the figures of one moment, seconds after the last Tick, and returns
// what to do. Call it once a second: rules that speak of ticks mean that, only the
// smoothing and the rates follow seconds. It does nothing, and returns a zero
// Plan, if seconds is not above 0.
func (g *Governor) Tick(seconds float64, s Sample, l Lent) Plan {
	if !(seconds > 0) || math.IsInf(seconds, 1) {
		return Plan{}
	}
	l = l.sane()
	g.mu.Lock()
	defer g.mu.Unlock()
	short := g.measure(seconds, bounded(s.Available)+l.taken(), l)

	real := func(lacks int64, before *bool) bool {
		wasDeep := *before
		*before = g.config.HeadRoom > 0 && lacks+short.growth > int64(float64(g.config.HeadRoom)*(1-deep))
		return *before && wasDeep || lacks > 0 && s.Stall >= g.config.StallLimit
	}
	plan := Plan{
		Available: max(int64(math.Round(g.average))-l.taken(), 0),
		Urgent:    real(short.now, &g.deepBefore),
		Hurry:     real(short.now+l.Returning, &g.lateBefore) && l.Returning > 0,
	}

	need := min(max(short.smoothed, short.lasting), short.now)
	rate := perTick(g.config.EvictRate, seconds, l.SlabSize)
	if plan.Urgent {
		need, rate = short.now+short.growth, math.MaxInt64
	}
	need = max(need, 0)
	if need > 0 || plan.Urgent {
		g.calm = g.config.Calm
	} else {
		g.calm = max(g.calm-seconds, 0)
	}
	// Above the limit, memory goes back whatever the machine has.
	need = max(need, l.taken()-l.Returning-l.Limit)

	plan.Release = min(up(need, l.SlabSize), l.Prepared)
	plan.Evict = min(up(max(need-plan.Release, 0), l.SlabSize), rate, l.Mapped-l.Returning)
	if need == 0 && g.calm == 0 {
		plan.Prepare = min(
			down(min(max(l.Ahead-l.Prepared, 0), max(l.Limit-l.taken(), 0), g.spare(l)), l.SlabSize),
			perTick(g.config.PrepareRate, seconds, l.SlabSize))
	}
	return plan
}

// perTick is how much a rate allows in one tick: whole slabs, at least one.
func perTick(rate int64, seconds float64, slab int64) int64 {
	bytes := min(float64(rate)*seconds, math.MaxInt64/2)
	return max(down(int64(bytes), slab), slab)
}

// shortages are what lacks of HeadRoom, in bytes: above 0 if something does.
type shortages struct {
	now, smoothed, lasting int64
	// growth is what applications take in a second, if they did in each of the
	// last two: a spike's rise is none. At least 0.
	growth int64
}

// measure brings what the governor knows up to date with what is left to the
// donor now. g.mu is held.
func (g *Governor) measure(seconds float64, left int64, l Lent) shortages {
	if !g.ticked {
		g.ticked, g.left, g.average = true, left, float64(left)
	}
	// As many steps of one second as have passed.
	weight := 1 - math.Pow(1-g.config.Beta, seconds)
	g.average += weight * (float64(left) - g.average)

	lacks := func(left int64) int64 { return g.config.HeadRoom - (left - l.taken()) - l.Returning }
	grew := int64(float64(g.left-left) / max(seconds, 1e-3))
	short := shortages{
		now: lacks(left), smoothed: lacks(int64(math.Round(g.average))), lasting: lacks(max(left, g.left)),
		growth: max(min(grew, g.grew), 0),
	}
	g.left, g.grew = left, grew
	return short
}

// spare is how much memory is available above HeadRoom and Slack, both as
// measured at the last Tick and smoothed, l being lent now; at least 0. g.mu is
// held.
func (g *Governor) spare(l Lent) int64 {
	left := min(g.left, int64(math.Round(g.average)))
	return max(left-l.taken()-g.config.HeadRoom-g.config.Slack, 0)
}

// Room is how many more bytes devices may map now: prepared ones, and what can be
// taken without eating into HeadRoom and Slack, up to the limit. It is what a donor
// answers as its free memory. What was lent since the last Tick is accounted for
// through l, so that many who ask between two ticks cannot overfill the donor.
func (g *Governor) Room(l Lent) int64 {
	l = l.sane()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ticked || g.calm > 0 {
		return 0
	}
	l.Prepared = 0 // as good as free
	return max(min(g.spare(l), l.Limit-l.Mapped), 0)
}
