package swapdev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/slabmap"
)

// chooser finds donors for slabs, by the placement policy. It belongs to one
// goroutine.
type chooser struct {
	engine *engine
	place  slabmap.Placement
	rng    *rand.Rand
}

func newChooser(e *engine) chooser {
	return chooser{engine: e, place: e.cfg.placement(), rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
}

// placement is the policy that was asked for.
func (c Config) placement() slabmap.Placement {
	paper := slabmap.PowerOfTwo{SlabSize: c.SlabSize}
	if c.Placement == PlacementPaper {
		return paper
	}
	return slabmap.ByLatency{PowerOfTwo: paper, Margin: c.Judge.Margin}
}

// candidates are the donors that are up, with what is known of them, without those
// given.
func (c *chooser) candidates(without ...uint16) []slabmap.Candidate {
	e := c.engine
	donors, holds := e.donors.all(), e.holds()
	var cands []slabmap.Candidate
	for _, d := range donors {
		if _, ok := d.up(); ok && !slices.Contains(without, d.id) {
			cands = append(cands, e.steering.weigh(slabmap.Candidate{Donor: d.id, Holds: holds[d.id]}))
		}
	}
	return cands
}

// find has use try one candidate after the other, in the order of the policy, until
// one succeeds.
func (c *chooser) find(ctx context.Context, cands []slabmap.Candidate, use func(d *donor, by choice) error) error {
	err := ErrNoDonor
	var asking time.Duration // over all attempts
	for len(cands) > 0 {
		pair, alone := c.place.Pair(c.rng, cands)
		begun := time.Now()
		id, by, askErr := c.choose(ctx, pair, alone, cands)
		asking += time.Since(begun)
		by.asking = asking
		cands = slices.DeleteFunc(cands, func(c slabmap.Candidate) bool { return slices.Contains(pair, c.Donor) })
		if askErr != nil {
			err = askErr
			continue
		}
		if err = use(c.engine.donors.get(id), by); err == nil {
			c.engine.steering.placed(id)
			return nil
		}
	}
	return err
}

// choose asks a pair at the same time and returns the one to take the slab. One
// alone, by the rule given, need not be asked: it is the choice, and refuses if it has
// no room.
func (c *chooser) choose(ctx context.Context, pair []uint16, alone slabmap.Rule, cands []slabmap.Candidate) (uint16, choice, error) {
	steering := c.engine.steering
	if len(pair) == 1 {
		return pair[0], choice{rule: alone, figures: []figure{steering.figureOf(pair[0])}}, nil
	}
	answers, errs := make([]slabmap.Candidate, len(pair)), make([]error, len(pair))
	var asked sync.WaitGroup
	for i, id := range pair {
		cand := cands[slices.IndexFunc(cands, func(c slabmap.Candidate) bool { return c.Donor == id })]
		asked.Go(func() { answers[i], errs[i] = c.ask(ctx, cand) })
	}
	asked.Wait()
	if id, rule, ok := c.place.Best(answers); ok {
		return id, choice{rule: rule, figures: steering.figures(id, answers)}, nil
	}
	return 0, choice{}, cmp.Or(errors.Join(errs...), error(ErrNoDonor))
}

// ask completes a candidate with the memory of the donor's machine: how full that is
// decides, not how much of what the donor may lend is lent.
func (c *chooser) ask(ctx context.Context, cand slabmap.Candidate) (slabmap.Candidate, error) {
	d := c.engine.donors.get(cand.Donor)
	s, ok := d.up()
	if !ok {
		return cand, fmt.Errorf("donor %s: %w", d.address, ErrNoDonor)
	}
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	mem, err := s.QueryMem(ctx)
	if err != nil {
		return cand, err
	}
	cand.Free, cand.Total = int64(mem.Free), int64(mem.Total)
	d.has(cand.Free, cand.Total)
	if cand.Free < c.engine.cfg.SlabSize {
		return cand, fmt.Errorf("donor %s has %d bytes left, a slab takes %d: %w", d.address, cand.Free, c.engine.cfg.SlabSize, ErrNoDonor)
	}
	if mem.Machine > 0 {
		cand.Free, cand.Total = int64(max(mem.Spare, mem.Free)), int64(max(mem.Machine, mem.Free))
	}
	return cand, nil
}
