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
	// reviewEvery is the time between two reviews of the groups with series of their own.
	reviewEvery = time.Minute
	// mostGone bounds the groups that the exporter remembers after they have left the status, so that
	// it does not count a group twice that comes back.
	mostGone = 1024
)

// cgroupSeries is the series of one control group, or of the rest.
type cgroupSeries struct {
	name    string
	latency status.Distribution
}

// cgroups divides the faults of a device among a bounded number of series, each of which only grows. It is for
// one life of the device's server. It is not safe for concurrent use.
type cgroups struct {
	most     int
	groups   map[uint64]*cgroup // by id
	series   map[string]*cgroupSeries
	other    status.Distribution
	reviewed time.Time
}

// cgroup is one control group.
type cgroup struct {
	name    string              // path in the first status with this group
	last    status.Distribution // in the last status
	recent  uint64              // faults since the last review
	present bool                // the last status has this group
}

func newCgroups(most int) *cgroups {
	return &cgroups{most: most, groups: map[uint64]*cgroup{}, series: map[string]*cgroupSeries{}}
}

// add counts the groups of a status and returns the series in the order of their names, Other last.
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

// review gives free series to the groups with the most faults since the last review. If no series is free, the
// group with the fewest faults loses its series to a group with more than twice as many.
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

// forget drops groups that have left the status, beyond mostGone.
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
