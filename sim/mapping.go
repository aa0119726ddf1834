package sim

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/farswap/farswap/slabmap"
)

// nobody is the target of a dropped slab.
const nobody = -1

// move is a slab on its way from one donor to another.
type move struct {
	due    int // second
	order  int64
	slab   ref
	from   int
	target int
	slow   bool // it leaves a slow donor, which had not asked for it
}

// moves is a heap with the first due move on top. Moves that are due together stay in order.
type moves []move

func (h moves) Len() int { return len(h) }
func (h moves) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].due, h[j].due), cmp.Compare(h[i].order, h[j].order)) < 0
}
func (h moves) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *moves) Push(x any)   { *h = append(*h, x.(move)) }
func (h *moves) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (c *cluster) slab(r ref) *slab { return &c.containers[r.container].device.slabs[r.slab] }

// find asks donors as a device does until one has room. It returns nobody if none has. It asks only donors that may
// accepts; a nil may accepts all.
func (c *cluster) find(container int, may func(donor uint16) bool) int {
	cands := c.weighed(container, may)
	for ask, _ := c.placement.Pair(c.rng, cands); len(ask) > 0; ask, _ = c.placement.Pair(c.rng, cands) {
		c.answers = c.answers[:0]
		for _, donor := range ask {
			one, m := cands[known(cands, int(donor))], &c.machines[donor]
			one.Free, one.Total = m.governor.Room(c.lent(m)), m.total
			c.answers = append(c.answers, one)
		}
		c.result.Queries += int64(len(ask))
		c.result.Events += int64(len(ask))
		if donor, _, ok := c.placement.Best(c.answers); ok {
			return int(donor)
		}
		c.scratch = append(c.scratch[:0], cands...)
		cands = slices.DeleteFunc(c.scratch, func(one slabmap.Candidate) bool { return slices.Contains(ask, one.Donor) })
	}
	return nobody
}

// weighed returns the donors that may accepts, with what the judge knows about their latency.
func (c *cluster) weighed(container int, may func(donor uint16) bool) []slabmap.Candidate {
	d, judge := c.containers[container].device, c.judge(container)
	if judge == nil && may == nil {
		return d.donors
	}
	var cands []slabmap.Candidate
	for _, one := range d.donors {
		if may != nil && !may(one.Donor) {
			continue
		}
		if judge != nil {
			one = judge.Weigh(one)
		}
		cands = append(cands, one)
	}
	return cands
}

// known is the place of a donor in the sorted donors.
func known(donors []slabmap.Candidate, donor int) int {
	i, _ := slices.BinarySearchFunc(donors, donor, func(one slabmap.Candidate, donor int) int {
		return cmp.Compare(int(one.Donor), donor)
	})
	return i
}

// holds counts a slab of d in or out at a donor.
func (d *device) holds(donor, n int) { d.donors[known(d.donors, donor)].Holds += n }

// mapHot maps the hot slabs of a container, the hottest first, until no donor has room.
func (c *cluster) mapHot(index int) {
	d := c.containers[index].device
	c.hot = d.hot(c.hot)
	slices.SortFunc(c.hot, func(a, b int32) int {
		return cmp.Or(cmp.Compare(d.slabs[b].pages.Activity(0), d.slabs[a].pages.Activity(0)), cmp.Compare(a, b))
	})
	for _, i := range c.hot {
		if !c.mapSlab(ref{int32(index), i}) {
			return
		}
	}
}

// mapSlab maps a slab to a donor. It reports whether a donor had room.
func (c *cluster) mapSlab(r ref) bool {
	d, s := c.containers[r.container].device, c.slab(r)
	c.result.Events++
	epoch, err := s.pages.BeginMap(0)
	c.must(err)
	donor := c.find(int(r.container), nil)
	if donor == nobody {
		c.must(s.pages.AbortMap(0, epoch))
		c.result.NoRoom++
		return false
	}
	c.mapped(c.take(&c.machines[donor]))
	d.holds(donor, 1)
	c.placed(int(r.container), donor)
	c.settle(r, epoch, donor)
	return true
}

// settle completes a mapping after the donor's memory is taken.
func (c *cluster) settle(r ref, epoch uint64, donor int) {
	s := c.slab(r)
	c.must(s.pages.CompleteMap(0, epoch, uint16(donor)))
	s.epoch, s.lent = epoch, true
	c.add(donor, r)
}

// giveUp moves or drops a slab that its donor takes back, as a device does. The donor counts the slab as on its way
// back.
func (c *cluster) giveUp(r ref) {
	s := c.slab(r)
	c.result.Evictions++
	c.evictedActivity += s.pages.Activity(0)
	from := int(s.pages.Slab(0).Donor)
	c.must(s.pages.BeginDrain(0, s.epoch))
	target := nobody
	if !c.config.Drop {
		target = c.find(int(r.container), nil)
	}
	if judge := c.judge(int(r.container)); judge != nil && target != nobody {
		judge.Moved(int(r.slab))
	}
	c.send(r, from, target, false)
}

// finish ends the moves and drops that are due.
func (c *cluster) finish() {
	for len(c.moves) > 0 && c.moves[0].due <= c.now {
		c.arrive(heap.Pop(&c.moves).(move))
	}
}

// arrive ends a move or a drop.
func (c *cluster) arrive(one move) {
	c.result.Events++
	size := c.config.SlabSize
	from, s := &c.machines[one.from], c.slab(one.slab)
	from.mapped -= size
	if !one.slow {
		from.returning -= size
	}
	c.must(s.pages.EndDrain(0, s.epoch))
	s.lent = false
	if one.target == nobody {
		c.result.Dropped++
		c.containers[one.slab.container].device.chill(int(one.slab.slab))
		return
	}
	epoch, err := s.pages.BeginMap(0)
	c.must(err)
	c.settle(one.slab, epoch, one.target)
	c.result.Moved++
	c.result.MovedBytes += size
}
