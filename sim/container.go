package sim

import (
	"math"

	"github.com/farswap/farswap/slabmap"
)

// container runs a program with at most as much memory as the program wants.
type container struct {
	program *Program
	machine int
	peak    float64 // bytes
	limit   float64 // bytes of local memory
	start   int     // second
	local   int64   // bytes that it uses on its machine
	wanted  float64 // bytes, a second ago
	device  *device // nil for one that never swaps
}

// wants is a container's memory at an age in seconds, in bytes.
func (b *container) wants(age float64) float64 {
	p := b.program
	if age < p.Ramp {
		return b.peak * age / p.Ramp
	}
	// From the peak down and back.
	turn := (age - p.Ramp) / p.Period
	return b.peak * (1 - p.Swing*(0.5-0.5*math.Cos(2*math.Pi*turn)))
}

// stepContainer simulates one second of a container.
func (c *cluster) stepContainer(index int) {
	b := &c.containers[index]
	if c.now <= b.start {
		return
	}
	c.result.Events++
	want := b.wants(float64(c.now - b.start))
	local := int64(min(want, b.limit))
	c.machines[b.machine].local += local - b.local
	b.local = local
	grown := max(want-max(b.wanted, b.limit), 0)
	b.wanted = want
	if b.device != nil {
		c.page(index, want, grown)
	}
}

// page simulates the swapping of a container in one second, in which it wants so many bytes and swaps out grown
// bytes for the first time.
func (c *cluster) page(index int, want, grown float64) {
	b := &c.containers[index]
	p, d := b.program, b.device
	pages := float64(d.geometry.Pages())
	d.live = 0
	ins, outs := 0.0, grown/slabmap.PageSize
	if want > b.limit {
		swapped := (want - b.limit) / slabmap.PageSize
		d.live = min(swapped+p.Keep*b.limit/slabmap.PageSize, max(swapped, pages/2))
		ins = p.Pages * (1 - math.Pow(b.limit/want, 1-p.Theta))
		outs += ins * p.Dirty
	}
	if outs == 0 && ins == 0 && len(d.cold) == 0 {
		return
	}
	d.begin(c.now, ins)
	if outs >= 1 {
		d.write(c.rng, outs)
	}
	if len(d.cold) > 0 {
		c.mapHot(index)
	}
}
