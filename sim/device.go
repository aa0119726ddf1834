package sim

import (
	"math"
	"math/rand/v2"

	"github.com/farswap/farswap/slabmap"
)

// history is how many ends of seconds a device remembers. reach is over how many seconds it can compute a slab's
// activity afterwards: 0.8³⁰ is about 0.1%.
const (
	history = 32
	reach   = history - 2 // the second before the present one counts, too
)

// slab is one slab of a virtual device: a map with a single, short slab.
type slab struct {
	pages  *slabmap.Map
	weight float64 // of its pages among all page-ins; 0 if never written
	ticked int     // the last second in its activity
	epoch  uint64  // of its mapping
	place  int     // its place in the donor's list, if mapped
	lent   bool    // it is mapped or draining
	cold   bool    // in device.cold
	noted  uint8   // of wrote
	wrote  [notes]note
}

// notes is for how many seconds a slab keeps writes that its map does not have yet. Writing leaves most slabs within
// that time.
const notes = 4

// note is the number of pages written in a second.
type note struct {
	second, pages int32
}

// device is a virtual swap device.
type device struct {
	geometry slabmap.Geometry
	slabs    []slab
	donors   []slabmap.Candidate // that it knows, ascending; Holds is up to date
	weight   float64             // sum over slabs
	spread   float64             // σ of weights
	pass     int                 // passes of writing through the device
	at       float64             // the place of the next write, in pages
	live     float64             // pages with content
	read     [history]float64    // page-ins up to the end of each second, per unit of weight
	now      int                 // the present or last second
	cold     []int32             // written slabs that are not mapped; some may be mapped since
}

// reset makes d a new device of pages, with maps that fit in 136 bytes.
func (d *device) reset(g slabmap.Geometry, now int) error {
	one := slabmap.Geometry{Size: slabmap.PageSize, SlabSize: g.SlabSize}
	need := slabmap.MemoryNeeded(one)
	mem := make([]byte, need*g.Slabs())
	d.geometry, d.slabs, d.now = g, make([]slab, g.Slabs()), now
	for i := range d.slabs {
		m, err := slabmap.New(one, mem[i*need:(i+1)*need])
		if err != nil {
			return err
		}
		d.slabs[i] = slab{pages: m, ticked: now}
	}
	return nil
}

// begin starts second now with its page-ins from the whole device.
func (d *device) begin(now int, pageIns float64) {
	total := d.read[d.now%history]
	for s := d.now + 1; s < now; s++ {
		d.read[s%history] = total
	}
	if d.weight > 0 {
		total += pageIns / d.weight
	}
	d.read[now%history], d.now = total, now
}

// catchUp computes the activity of slab i up to the end of second until, which is not after the present one.
func (d *device) catchUp(i, until int) {
	s := &d.slabs[i]
	if until-s.ticked > reach {
		s.pages.Tick(1) // the writes of the second after ticked
		s.ticked = until - reach
	}
	for ; s.ticked < until; s.ticked++ {
		before, after := d.read[s.ticked%history], d.read[(s.ticked+1)%history]
		n := math.Floor(s.weight*after) - math.Floor(s.weight*before)
		for _, w := range s.wrote[:s.noted] {
			if int(w.second) == s.ticked+1 {
				n += float64(w.pages)
			}
		}
		if n >= 1 {
			s.pages.Touch(0, int(min(n, 1e9)))
		}
		s.pages.Tick(1)
	}
	kept := s.wrote[:0]
	for _, w := range s.wrote[:s.noted] {
		if int(w.second) > until {
			kept = append(kept, w)
		}
	}
	s.noted = uint8(len(kept))
}

// activity is the device's answer about slab i at the end of the second.
func (d *device) activity(i int) float64 {
	d.catchUp(i, d.now)
	return d.slabs[i].pages.Activity(0)
}

// write puts pages into free slots, from the place where it stopped. After the first pass a slab has fewer of them.
func (d *device) write(rng *rand.Rand, pages float64) {
	all := float64(d.geometry.Pages())
	free := 1.0
	if d.pass > 0 {
		free = max(1-d.live/all, 0.05)
	}
	for ahead := min(pages/free, all); ahead > 0; {
		i := min(d.geometry.SlabOf(int64(d.at)), len(d.slabs)-1)
		first, end := d.geometry.PageRange(i)
		step := min(float64(end)-d.at, ahead)
		d.touch(rng, i, d.at == float64(first), int(step*free))
		ahead -= step
		if d.at += step; step < ahead+step {
			d.at = float64(end) // not a fraction of a page before it
		}
		if d.at >= all {
			d.at, d.pass = 0, d.pass+1
		}
	}
}

// touch counts pages written to slab i. It draws at random how often the container reads a new slab.
func (d *device) touch(rng *rand.Rand, i int, entered bool, pages int) {
	s := &d.slabs[i]
	if s.weight == 0 {
		s.ticked = d.now - 1 // nothing happened so far
	}
	if s.lent {
		d.note(i, int32(min(pages, math.MaxInt32)))
	} else { // it may become hot
		d.catchUp(i, d.now-1)
		s.pages.Touch(0, pages)
	}
	if entered || s.weight == 0 {
		first, end := d.geometry.PageRange(i)
		share := float64(end-first) / float64(d.geometry.PagesPerSlab())
		d.weight -= s.weight
		s.weight = share * math.Exp(d.spread*rng.NormFloat64())
		d.weight += s.weight
	}
	d.chill(i)
}

// note keeps the writes to slab i until a call asks for its activity, or until they no longer matter.
func (d *device) note(i int, pages int32) {
	s, now := &d.slabs[i], int32(d.now)
	if s.noted > 0 && s.wrote[s.noted-1].second == now {
		s.wrote[s.noted-1].pages += pages
		return
	}
	if s.noted > 0 && s.wrote[s.noted-1].second <= now-history {
		s.noted = 0
	}
	if s.noted == notes {
		d.catchUp(i, d.now-1)
	}
	s.wrote[s.noted] = note{now, pages}
	s.noted++
}

// chill remembers slab i if it is not mapped.
func (d *device) chill(i int) {
	if s := &d.slabs[i]; !s.cold && !s.lent && s.weight > 0 {
		s.cold = true
		d.cold = append(d.cold, int32(i))
	}
}

// hot returns the slabs to map, in the order of cold. It skips slabs without writes and with few reads.
func (d *device) hot(dst []int32) []int32 {
	dst = dst[:0]
	kept := d.cold[:0]
	for _, i := range d.cold {
		s := &d.slabs[i]
		if s.lent {
			s.cold = false
			continue
		}
		kept = append(kept, i)
		d.catchUp(int(i), d.now-1)
		if s.pages.Hot(0, slabmap.HotSlab) {
			dst = append(dst, i)
		}
	}
	d.cold = kept
	return dst
}
