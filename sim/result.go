package sim

import (
	"math"
	"slices"

	"github.com/farswap/farswap/slabmap"
)

// points is about how many moments a result keeps for plots.
const points = 600

// Result is the result of a simulation. Averages are over the seconds after MeasuredFrom. The comparison of machines
// uses the average of each machine over these seconds. Uses are in percent of the cluster's memory, 0 to 100.
type Result struct {
	Seed           uint64 `json:"seed"`
	Machines       int    `json:"machines"`
	Containers     int    `json:"containers"`
	Seconds        int    `json:"seconds"`
	MeasuredFrom   int    `json:"measured_from_s"`
	SlabSize       int64  `json:"slab_size"`
	Choices        int    `json:"choices"`
	NewMachineRule bool   `json:"new_machine_rule"`
	Extra          int    `json:"extra"`
	Drop           bool   `json:"drop"`

	UsedUnit          string  `json:"used_unit"` // "percent"
	UsedWithout       float64 `json:"used_without"`
	UsedWith          float64 `json:"used_with"` // slabs that devices hold added
	UsedLive          float64 `json:"used_live"` // of these, without the part that holds no page in use
	Prepared          float64 `json:"prepared"`  // beside it, in percent
	LentLive          float64 `json:"lent_live"` // percent of the lent memory that holds pages in use, at the end
	MaxOverMedian     float64 `json:"max_over_median"`
	MaxOverMin        float64 `json:"max_over_min"`
	MaxOverMedianBare float64 `json:"max_over_median_without"`
	MaxOverMinBare    float64 `json:"max_over_min_without"`

	Maps            int64   `json:"maps"`
	NoRoom          int64   `json:"no_room"`    // hot slabs that found no donor, each time counted
	Unprepared      int64   `json:"unprepared"` // slabs lent that were not prepared
	Queries         int64   `json:"queries"`
	Evictions       int64   `json:"evictions"`        // mapped slabs taken back
	Asked           int64   `json:"asked"`            // CheckActivity
	EvictedActivity float64 `json:"evicted_activity"` // page I/Os per second of an evicted slab, on average
	Moved           int64   `json:"moved"`
	Dropped         int64   `json:"dropped"`
	MovedBytes      int64   `json:"moved_bytes"`
	MetadataBytes   int64   `json:"metadata_bytes"` // slab maps of all devices, full ones
	MapMillis       float64 `json:"map_ms"`         // by the model, on average
	MapUnprepared   float64 `json:"map_unprepared_ms"`
	MoveMillis      float64 `json:"move_ms"` // of one slab, by the model
	BelowHeadRoom   int64   `json:"below_headroom_s"`
	HurtSeconds     int64   `json:"hurt_s"` // machine-seconds in which lent memory was missing to applications
	Events          int64   `json:"events"`

	Latency *LatencyResult `json:"latency,omitempty"` // absent without a model of it

	Series      []Moment  `json:"-"`
	PerMachine  []float64 `json:"-"` // percent of its memory used with lending, ascending
	BareMachine []float64 `json:"-"` // without
}

// Moment is the cluster at a second.
type Moment struct {
	Second                  int
	Without, With, Prepared float64 // percent of the cluster's memory
	Evictions               int64   // so far
}

// mapped counts a mapping.
func (c *cluster) mapped(millis float64) {
	c.result.Maps++
	c.mapMillis += millis
}

// count adds one second of a donor to the sums.
func (c *cluster) count(m *machine) {
	if free := m.free(); free < c.headRoom && m.prepared+m.mapped > 0 {
		c.result.BelowHeadRoom++
		if free < 0 {
			c.result.HurtSeconds++
		}
	}
	if c.now > c.warmup {
		m.without += float64(min(m.local, m.total))
		m.with += float64(m.used())
		c.result.Prepared += float64(m.prepared)
	}
}

// sample keeps a moment for plots.
func (c *cluster) sample() {
	if c.now%max(c.seconds/points, 1) != 0 {
		return
	}
	var local, used, prepared, total float64
	for i := range c.machines {
		m := &c.machines[i]
		local += float64(min(m.local, m.total))
		used += float64(m.used())
		prepared += float64(m.prepared)
		total += float64(m.total)
	}
	c.result.Series = append(c.result.Series, Moment{
		c.now, 100 * local / total, 100 * used / total, 100 * prepared / total, c.result.Evictions,
	})
}

// finished computes averages and shares.
func (c *cluster) finished() Result {
	r := c.result
	if c.steering != nil {
		r.Latency = &c.steering.result
	}
	r.UsedUnit = "percent"
	measured := float64(c.seconds - c.warmup)
	var total float64
	for i := range c.machines {
		m := &c.machines[i]
		scale := 100 / (measured * float64(m.total))
		r.BareMachine = append(r.BareMachine, m.without*scale)
		r.PerMachine = append(r.PerMachine, m.with*scale)
		total += float64(m.total)
	}
	r.UsedWithout, r.UsedWith = mean(r.BareMachine), mean(r.PerMachine) // machines are alike
	r.Prepared *= 100 / (measured * total)
	slices.Sort(r.BareMachine)
	slices.Sort(r.PerMachine)
	r.MaxOverMedian, r.MaxOverMin = imbalance(r.PerMachine)
	r.MaxOverMedianBare, r.MaxOverMinBare = imbalance(r.BareMachine)
	if r.Evictions > 0 {
		r.EvictedActivity = c.evictedActivity / float64(r.Evictions)
	}
	if r.Maps > 0 {
		r.MapMillis = c.mapMillis / float64(r.Maps)
	}
	r.MapUnprepared = c.unpreparedMillis()
	r.MoveMillis = 1000 * float64(c.config.SlabSize) / gib / c.config.Workload.Model.MoveGiB
	r.LentLive = c.lentLive()
	r.UsedLive = r.UsedWithout + (r.UsedWith-r.UsedWithout)*r.LentLive/100
	return r
}

// lentLive is the share of lent memory, in percent, that contains pages in use. The model spreads the pages of a device
// evenly over its written slabs.
func (c *cluster) lentLive() float64 {
	var lent, live float64
	for i := range c.containers {
		d := c.containers[i].device
		if d == nil {
			continue
		}
		var mapped, written float64
		for j := range d.slabs {
			s := &d.slabs[j]
			if s.weight == 0 {
				continue
			}
			first, end := d.geometry.PageRange(j)
			written += float64(end - first)
			if s.pages.Slab(0).State == slabmap.Mapped {
				mapped += float64(end - first)
				lent += float64(d.geometry.PagesPerSlab())
			}
		}
		if written > 0 {
			live += min(d.live, written) * mapped / written
		}
	}
	if lent == 0 {
		return 0
	}
	return 100 * live / lent
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// imbalance divides the largest of sorted values by the median and by the smallest. A division by 0 gives 0.
func imbalance(sorted []float64) (overMedian, overMin float64) {
	n := len(sorted)
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	ratio := func(of float64) float64 {
		if r := sorted[n-1] / of; !math.IsInf(r, 0) && !math.IsNaN(r) {
			return r
		}
		return 0
	}
	return ratio(median), ratio(sorted[0])
}
