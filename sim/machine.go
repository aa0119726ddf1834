package sim

import (
	"github.com/farswap/farswap/evict"
)

// ref names a slab of a container's device.
type ref struct {
	container, slab int32
}

// machine is a virtual machine with its donor. All amounts are bytes.
type machine struct {
	total     int64
	local     int64 // base use and all that the containers want
	prepared  int64
	mapped    int64 // held by devices, slabs on their way back included
	returning int64
	governor  *evict.Governor
	slabs     []ref // mapped, and not on their way back

	limits        int64   // sum over its containers, for their placement
	without, with float64 // sums of used memory over the measured seconds
}

// free is the unused memory. It is negative if applications want more than there is.
func (m *machine) free() int64 { return m.total - m.local - m.prepared - m.mapped }

// used is the used memory with lending, at most all memory.
func (m *machine) used() int64 { return min(m.local+m.mapped, m.total) }

func (c *cluster) lent(m *machine) evict.Lent {
	return evict.Lent{
		Prepared: m.prepared, Mapped: m.mapped, Returning: m.returning,
		Limit: m.total, SlabSize: c.config.SlabSize, Ahead: c.ahead,
	}
}

// stall replaces pressure stall information.
func (c *cluster) stall(available int64) float64 {
	from := c.headRoom / 8
	if available >= from {
		return 0
	}
	return 1 - float64(available)/float64(from)
}

// stepMachine simulates one second of a donor.
func (c *cluster) stepMachine(index int) {
	m := &c.machines[index]
	c.result.Events++
	available := max(m.free(), 0)
	plan := m.governor.Tick(1, evict.Sample{Available: available, Total: m.total, Stall: c.stall(available)}, c.lent(m))
	m.prepared += plan.Prepare - plan.Release
	if plan.Evict > 0 {
		c.evict(m, int((plan.Evict+c.config.SlabSize-1)/c.config.SlabSize))
	}
	c.count(m)
}

// take lends a slab of m's memory and returns how long that takes in the model, in milliseconds.
func (c *cluster) take(m *machine) float64 {
	m.mapped += c.config.SlabSize
	if m.prepared >= c.config.SlabSize {
		m.prepared -= c.config.SlabSize
		return c.config.Workload.Model.MapMillis
	}
	c.result.Unprepared++
	return c.unpreparedMillis()
}

// unpreparedMillis is how long it takes to map an unprepared slab.
func (c *cluster) unpreparedMillis() float64 {
	model := c.config.Workload.Model
	return model.MapMillis + model.PrepareMillis*float64(c.config.SlabSize)/gib
}

// add adds a slab to the list of index's donor.
func (c *cluster) add(index int, r ref) {
	m := &c.machines[index]
	c.slab(r).place = len(m.slabs)
	m.slabs = append(m.slabs, r)
}

// remove takes a slab from the list.
func (c *cluster) remove(m *machine, r ref) {
	place, last := c.slab(r).place, len(m.slabs)-1
	m.slabs[place] = m.slabs[last]
	c.slab(m.slabs[place]).place = place
	m.slabs = m.slabs[:last]
}

// evict takes n mapped slabs back from devices.
func (c *cluster) evict(m *machine, n int) {
	victims := evict.Candidates(c.rng, m.slabs, n, c.config.Extra)
	c.result.Asked += int64(len(victims))
	c.result.Events += int64(len(victims))
	victims = evict.LeastActive(victims, n, func(r ref) (float64, bool) {
		return c.containers[r.container].device.activity(int(r.slab)), true
	})
	for _, r := range victims {
		c.remove(m, r)
		m.returning += c.config.SlabSize
		c.giveUp(r)
	}
}
