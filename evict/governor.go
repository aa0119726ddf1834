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
	left       int64   // what applications leave to the donor, at the last Tick: available + taken
	average    float64 // of left, smoothed
	grew       int64   // bytes a second that applications took before the last Tick; negative if they freed
	deepBefore bool    // the last Tick saw a deep shortage
	lateBefore bool    // the same without the memory in Returning
	calm       float64 // seconds until the donor may lend again
}

// NewGovernor returns the governor of a donor that has taken nothing yet.
// Precondition: config.Validate() is nil.
func NewGovernor(config Config) *Governor {
	return &Governor{given: config, config: config.withDefaults()}
}

// SetHeadRoom changes the headroom, in bytes, from the next Tick on. It takes a negative value for 0.
// Defaults that depend on the headroom change with it.
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

// Tick takes the figures of one moment and returns what to do. seconds is the time since the last Tick.
// Call it once a second: only the smoothing and the rates depend on seconds, and the rules that count
// ticks assume seconds. If seconds is not above 0, it does nothing and returns a zero Plan.
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
	// Memory above the limit goes back even if the machine has enough.
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

// perTick returns how many bytes a rate allows in one tick: whole slabs, at least one.
func perTick(rate int64, seconds float64, slab int64) int64 {
	bytes := min(float64(rate)*seconds, math.MaxInt64/2)
	return max(down(int64(bytes), slab), slab)
}

// shortages are in bytes. A positive value means that HeadRoom lacks memory.
type shortages struct {
	now, smoothed, lasting int64
	// growth is how much applications take in a second if they grew in each of the last two. The
	// rise of a spike is not growth. At least 0.
	growth int64
}

// measure updates the governor with the memory that applications leave to the donor now. g.mu is held.
func (g *Governor) measure(seconds float64, left int64, l Lent) shortages {
	if !g.ticked {
		g.ticked, g.left, g.average = true, left, float64(left)
	}
	// This is one step of smoothing for each second that has passed.
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

// spare returns how much memory is available above HeadRoom and Slack when l is lent: the smaller of the
// measured and the smoothed value of the last Tick, at least 0. g.mu is held.
func (g *Governor) spare(l Lent) int64 {
	left := min(g.left, int64(math.Round(g.average)))
	return max(left-l.taken()-g.config.HeadRoom-g.config.Slack, 0)
}

// Room returns how many more bytes devices may map now, up to the limit: prepared slabs, and memory above
// HeadRoom and Slack. A donor announces it as its free memory. l contains what the donor has lent since
// the last Tick, so many requests between two ticks cannot overfill the donor.
func (g *Governor) Room(l Lent) int64 {
	l = l.sane()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ticked || g.calm > 0 {
		return 0
	}
	l.Prepared = 0 // prepared slabs count as free
	return max(min(g.spare(l), l.Limit-l.Mapped), 0)
}
