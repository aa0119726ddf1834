package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/farswap/farswap/status"
)

const (
	// reviewEvery is how often a series may change its control group.
	reviewEvery = time.Minute
	// mostGone is how many groups that status no longer has are remembered, so that
	// one that comes back is not counted twice.
	mostGone = 1024
)

// cgroupSeries is one control group, or the rest.
type cgroupSeries struct {
	name    string
	latency status.Distribution
}

// cgroups divides the faults of a device among a bounded number of series, each of which
// only grows. It belongs to one life of the device's server, and is not safe for
// concurrent use.
type cgroups struct {
	most     int
	groups   map[uint64]*cgroup // by id
	series   map[string]*cgroupSeries
	other    status.Distribution
	reviewed time.Time
}

// cgroup is what is known of one.
type cgroup struct {
	name    string              // path that it had when it was first seen
	last    status.Distribution // as last told
	recent  uint64              // faults since the last review
	present bool                // told in the last status
}

func newCgroups(most int) *cgroups {
	return &cgroups{most: most, groups: map[uint64]*cgroup{}, series: map[string]*cgroupSeries{}}
}

// add takes what a status says, and returns the series, those with names in the order of
// their names.
func (c *cgroups) add(told []status.CgroupLatency, now time.Time) []cgroupSeries {
	deltas := map[uint64]status.Distribution{}
	for _, g := range c.groups {
		g.present = false
	}
	for i := range told {
		t := &told[i]
		g := c.groups[t.ID]
		if g == nil {
			g = &cgroup{name: cmp.Or(t.Name, strconv.FormatUint(t.ID, 10))}
			c.groups[t.ID] = g
		}
		delta := t.Latency.Since(&g.last)
		g.last, g.present = t.Latency, true
		g.recent += delta.Count()
		deltas[t.ID] = delta
	}
	if now.Sub(c.reviewed) >= reviewEvery {
		c.review()
		c.reviewed = now
	}
	for id, delta := range deltas {
		if s := c.series[c.groups[id].name]; s != nil {
			s.latency.Add(&delta)
		} else {
			c.other.Add(&delta)
		}
	}
	c.forget()
	return c.all()
}

// review gives free series to the groups with the most faults since the last review. Is
// there none, the one with the least loses it to a group with more than twice as many.
func (c *cgroups) review() {
	recent := map[string]uint64{}
	for name := range c.series {
		recent[name] = 0
	}
	for _, g := range c.groups {
		if g.name != Other {
			recent[g.name] += g.recent
		}
		g.recent = 0
	}
	byFaults := func(a, b string) int {
		return cmp.Or(cmp.Compare(recent[b], recent[a]), cmp.Compare(a, b))
	}
	var without []string
	for _, name := range slices.SortedFunc(maps.Keys(recent), byFaults) {
		if c.series[name] == nil && recent[name] > 0 {
			without = append(without, name)
		}
	}
	for len(without) > 0 && len(c.series) < c.most {
		c.series[without[0]] = &cgroupSeries{name: without[0]}
		without = without[1:]
	}
	if len(without) == 0 || len(c.series) == 0 {
		return
	}
	last := slices.MaxFunc(slices.Collect(maps.Keys(c.series)), byFaults)
	if recent[without[0]] > 2*recent[last] {
		delete(c.series, last)
		c.series[without[0]] = &cgroupSeries{name: without[0]}
	}
}

// forget drops groups that are gone, when they are too many.
func (c *cgroups) forget() {
	gone := len(c.groups) - mostGone
	for id, g := range c.groups {
		if gone > 0 && !g.present {
			delete(c.groups, id)
			gone--
		}
	}
}

func (c *cgroups) all() []cgroupSeries {
	var all []cgroupSeries
	for _, name := range slices.Sorted(maps.Keys(c.series)) {
		all = append(all, *c.series[name])
	}
	if len(c.groups) > 0 {
		all = append(all, cgroupSeries{Other, c.other})
	}
	return all
}
