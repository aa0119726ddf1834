package sim

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
)

// Latency models how long a page-in from a donor takes, and a machine that is slow for a while. All times are virtual
// seconds and milliseconds.
type Latency struct {
	Base   float64 `json:"base_ms"` // median of a read
	Spread float64 `json:"spread"`  // σ of a log-normal: how much machines differ
	Noise  float64 `json:"noise"`   // σ of a log-normal: how much reads of one machine differ

	From   int     `json:"slow_from_s"`
	For    int     `json:"slow_for_s"`
	Add    float64 `json:"slow_by_ms"`
	All    bool    `json:"all_slow"` // every machine, not only the one that holds the most hot slabs
	Period int     `json:"period_s"` // of the judge
}

// DefaultLatency adds 20 ms to one machine for five minutes.
func DefaultLatency() Latency {
	return Latency{Base: 0.25, Spread: 0.2, Noise: 0.4, From: 1200, For: 300, Add: 20, Period: 5}
}

// validate returns an error wrapping ErrConfig if a field is out of range.
func (l Latency) validate(seconds int) error {
	return check("latency: ", []bound{
		{"base_ms", l.Base, 1e-3, 1e6},
		{"spread", l.Spread, 0, 3},
		{"noise", l.Noise, 0, 3},
		{"slow_from_s", float64(l.From), 1, float64(seconds)},
		{"slow_for_s", float64(l.For), 0, float64(seconds)},
		{"slow_by_ms", l.Add, 0, 1e6},
		{"period_s", float64(l.Period), 1, 3600},
	})
}

// LatencyResult describes the fate of the slow machine. Seconds count from the moment at which it becomes slow or well;
// -1 is never.
type LatencyResult struct {
	Machine     int             `json:"machine"`
	SlabsBefore int             `json:"slabs_before"`  // that it held
	HotBefore   int             `json:"hot_before"`    // of those, hot ones
	FoundAfter  int             `json:"found_after_s"` // until a device took it for slow
	GoneAfter   int             `json:"gone_after_s"`  // until no device that did had a hot slab there
	WellAfter   int             `json:"well_after_s"`  // until no device took it for slow, once it was well
	UsedAfter   int             `json:"used_after_s"`  // until it got a slab again, once it was well
	Moves       int             `json:"moves"`         // away from slow machines
	Wrong       int             `json:"wrong_moves"`   // of those, away from machines that were well
	MostMoves   int             `json:"most_moves"`    // of one slab in ten minutes, away from slow machines
	Series      []LatencyMoment `json:"series"`
}

// LatencyMoment is the end of a period.
type LatencyMoment struct {
	Second int     `json:"second"`
	Slabs  int     `json:"slabs"`   // at the slow machine
	Hot    int     `json:"hot"`     // of those, hot ones
	SlowTo int     `json:"slow_to"` // devices that take it for slow
	Moves  int     `json:"moves"`   // so far
	P99    float64 `json:"p99_ms"`  // of all page-ins
}

// steering is the state of the latency of a simulation.
type steering struct {
	Latency
	acts   bool
	judges []*slabmap.Judge // by container; nil for one that never swaps
	median []float64        // by machine, in milliseconds
	rng    *rand.Rand       // its own: with and without, all else is drawn alike
	away   map[ref][]int    // when slabs left slow machines
	result LatencyResult
}

// steer prepares the model. byLatency says whether the placement uses it.
func (c *cluster) steer(l Latency, byLatency bool) {
	s := &steering{Latency: l, acts: byLatency, rng: rand.New(rand.NewPCG(c.config.Seed, 1)), away: make(map[ref][]int)}
	s.result = LatencyResult{Machine: nobody, FoundAfter: -1, GoneAfter: -1, WellAfter: -1, UsedAfter: -1}
	for range c.machines {
		s.median = append(s.median, l.Base*math.Exp(l.Spread*s.rng.NormFloat64()))
	}
	s.judges = make([]*slabmap.Judge, len(c.containers))
	for i := range c.containers {
		if c.containers[i].device != nil {
			s.judges[i] = slabmap.NewJudge(slabmap.JudgeConfig{})
		}
	}
	c.steering = s
}

// judge returns the judge of a container's device, or nil if the placement does not use latency.
func (c *cluster) judge(container int) *slabmap.Judge {
	if c.steering == nil || !c.steering.acts {
		return nil
	}
	return c.steering.judges[container]
}

// isSlow reports whether a machine is slow in this second.
func (c *cluster) isSlow(machine int) bool {
	s := c.steering
	return c.now > s.From && c.now <= s.From+s.For && (s.All || machine == s.result.Machine)
}

// stepLatency simulates the end of a second.
func (c *cluster) stepLatency() {
	s := c.steering
	if c.now == s.From {
		s.result.Machine = c.busiest()
		s.result.SlabsBefore, s.result.HotBefore = c.holdings(s.result.Machine)
	}
	if c.now%s.Period != 0 {
		return
	}
	var all loghist.Histogram
	for i := range c.containers {
		if s.judges[i] != nil {
			c.judgeDonors(i, &all)
		}
	}
	c.note(&all)
}

// busiest returns the machine with the most hot slabs.
func (c *cluster) busiest() int {
	best, most := 0, -1
	for i := range c.machines {
		if _, hot := c.holdings(i); hot > most {
			best, most = i, hot
		}
	}
	return best
}

// holdings counts the slabs of a machine, and the hot ones among them.
func (c *cluster) holdings(machine int) (slabs, hot int) {
	for _, r := range c.machines[machine].slabs {
		if c.containers[r.container].device.activity(int(r.slab)) >= slabmap.HotSlab {
			hot++
		}
	}
	return len(c.machines[machine].slabs), hot
}

// drawn bounds the simulated reads of a donor in a period: enough for a p99.
const drawn = slabmap.DefaultMinReads

// judgeDonors ends a period of a device: it judges the donors by their reads and moves slabs away from slow ones. It
// adds all reads to all.
func (c *cluster) judgeDonors(container int, all *loghist.Histogram) {
	s, d := c.steering, c.containers[container].device
	judge := s.judges[container]
	perDonor := make([]float64, len(d.donors)) // page I/Os per second
	var held []slabmap.Held
	for i := range d.slabs {
		if slab := d.slabs[i].pages.Slab(0); slab.State == slabmap.Mapped {
			activity := d.activity(i)
			perDonor[known(d.donors, int(slab.Donor))] += activity
			held = append(held, slabmap.Held{Slab: i, Donor: slab.Donor, Activity: activity})
		}
	}
	tests := judge.Tests()
	var reads []slabmap.Reads
	for i, cand := range d.donors {
		r := slabmap.Reads{Donor: cand.Donor}
		if n := int(perDonor[i] * float64(s.Period)); n > 0 {
			r.Latency = c.draw(int(cand.Donor), min(n, drawn))
			for b, count := range r.Latency.Counts {
				all.Counts[b] += count * uint64(max(1, n/drawn))
			}
		}
		reads = append(reads, r)
		if slices.Contains(tests, cand.Donor) {
			reads = append(reads, slabmap.Reads{Donor: cand.Donor, Latency: c.draw(int(cand.Donor), drawn), Test: true})
		}
	}
	judge.Period(float64(s.Period), reads)
	if !s.acts {
		return
	}
	for _, h := range judge.Relocate(held, 0) {
		c.leaveSlow(ref{int32(container), int32(h.Slab)})
	}
}

// draw simulates n reads of a machine.
func (c *cluster) draw(machine, n int) *loghist.Histogram {
	s, h := c.steering, &loghist.Histogram{}
	add := 0.0
	if c.isSlow(machine) {
		add = s.Add
	}
	for range n {
		h.Record(int64(1e6 * (add + s.median[machine]*math.Exp(s.Noise*s.rng.NormFloat64()))))
	}
	return h
}

// leaveSlow moves a slab away from its slow donor, if another has room.
func (c *cluster) leaveSlow(r ref) {
	s := c.slab(r)
	from := int(s.pages.Slab(0).Donor)
	judge := c.steering.judges[r.container]
	target := c.find(int(r.container), func(donor uint16) bool { return int(donor) != from && !judge.Verdict(donor).Slow })
	if target == nobody {
		judge.Refused(int(r.slab))
		return
	}
	c.remove(&c.machines[from], r)
	c.must(s.pages.BeginDrain(0, s.epoch))
	c.send(r, from, target, true)
	judge.Moved(int(r.slab))
	res := &c.steering.result
	res.Moves++
	if !c.isSlow(from) {
		res.Wrong++
	}
	away := append(c.steering.away[r], c.now)
	for c.now-away[0] >= 600 {
		away = away[1:]
	}
	c.steering.away[r] = away
	res.MostMoves = max(res.MostMoves, len(away))
}

// placed tells the judge that a machine has got a slab.
func (c *cluster) placed(container, machine int) {
	if c.steering == nil {
		return
	}
	c.steering.judges[container].Placed(uint16(machine))
	if res := &c.steering.result; machine == res.Machine && res.UsedAfter < 0 && c.now > c.steering.From+c.steering.For {
		res.UsedAfter = c.now - c.steering.From - c.steering.For
	}
}

// note records the end of a period.
func (c *cluster) note(all *loghist.Histogram) {
	s := c.steering
	m := LatencyMoment{Second: c.now, Moves: s.result.Moves, P99: float64(all.Quantile(0.99)) / 1e6}
	if s.result.Machine == nobody {
		s.result.Series = append(s.result.Series, m)
		return
	}
	m.Slabs, m.Hot = c.holdings(s.result.Machine)
	left := 0 // hot slabs of devices that hold it to be slow
	for i, judge := range s.judges {
		if judge == nil || !judge.Verdict(uint16(s.result.Machine)).Slow {
			continue
		}
		m.SlowTo++
		for _, r := range c.machines[s.result.Machine].slabs {
			if int(r.container) == i && c.containers[i].device.activity(int(r.slab)) >= slabmap.HotSlab {
				left++
			}
		}
	}
	s.result.Series = append(s.result.Series, m)
	since := c.now - s.From
	switch {
	case !s.acts:
	case since <= s.For:
		if m.SlowTo > 0 && s.result.FoundAfter < 0 {
			s.result.FoundAfter = since
		}
		if m.SlowTo > 0 && left == 0 && s.result.GoneAfter < 0 {
			s.result.GoneAfter = since
		}
	case m.SlowTo == 0 && s.result.WellAfter < 0:
		s.result.WellAfter = since - s.For
	}
}

// send starts the move of a draining slab to another donor.
func (c *cluster) send(r ref, from, target int, slow bool) {
	d := c.containers[r.container].device
	d.holds(from, -1)
	c.ordered++
	one := move{due: c.now, order: c.ordered, slab: r, from: from, target: target, slow: slow}
	if target != nobody {
		c.take(&c.machines[target])
		d.holds(target, 1)
		c.placed(int(r.container), target)
		one.due = c.now + max(int(float64(c.config.SlabSize)/(c.config.Workload.Model.MoveGiB*gib)), 1)
	}
	heap.Push(&c.moves, one)
}

// latencyError checks the Latency of a Config.
func (c Config) latencyError() error {
	if c.Latency == nil {
		return nil
	}
	if c.Known > 0 && c.Known < c.Workload.Cluster.Machines-1 {
		return fmt.Errorf("%d known donors: %w: a simulation of latency wants all", c.Known, ErrConfig)
	}
	return c.Latency.validate(max(int(c.Workload.Cluster.Hours*3600), 1))
}
