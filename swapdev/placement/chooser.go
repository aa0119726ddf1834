package placement

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
	"github.com/farswap/farswap/swapdev/lenders"
)

// Chooser finds donors for slabs, by the placement policy. It belongs to one goroutine.
type Chooser struct {
	cfg      Config
	steering *Steering
	place    slabmap.Placement
	rng      *rand.Rand

	// refused hears of each donor that does not take a slab, and how long that took to find
	// out. nil: nobody does.
	refused func(donor uint16, took time.Duration)
}

// NewChooser makes a chooser.
func NewChooser(cfg Config, steering *Steering) Chooser {
	paper := slabmap.PowerOfTwo{SlabSize: cfg.SlabSize}
	c := Chooser{cfg: cfg, steering: steering, place: paper, rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	if cfg.Policy != Paper {
		c.place = slabmap.ByLatency{PowerOfTwo: paper, Margin: cfg.Judge.Margin}
	}
	return c
}

// Candidates are the donors that are up and not on probation, with what is known of them, but
// for those in without.
func (c *Chooser) Candidates(without ...uint16) []slabmap.Candidate {
	donors := c.cfg.Donors.All()
	holds := Count(c.cfg.Pages, len(donors))
	var cands []slabmap.Candidate
	for _, d := range donors {
		if _, ok := d.Up(); ok && !slices.Contains(without, d.ID()) {
			cands = append(cands, c.steering.weigh(slabmap.Candidate{Donor: d.ID(), Holds: holds[d.ID()]}))
		}
	}
	return c.steering.trusted(cands)
}

// Find tries to use one candidate after the other, in the order of the policy, until one
// succeeds.
func (c *Chooser) Find(ctx context.Context, cands []slabmap.Candidate, use func(d *lenders.Donor, by Choice) error) error {
	err := lenders.ErrNoDonor
	var asking time.Duration // over all attempts
	for len(cands) > 0 {
		pair, alone := c.place.Pair(c.rng, cands)
		begun := time.Now()
		id, by, askErr := c.choose(ctx, pair, alone, cands)
		asking += time.Since(begun)
		by.Asking = asking
		cands = slices.DeleteFunc(cands, func(c slabmap.Candidate) bool { return slices.Contains(pair, c.Donor) })
		if askErr != nil {
			err = askErr
			continue
		}
		begun = time.Now()
		if err = use(c.cfg.Donors.Get(id), by); err == nil {
			c.steering.Placed(id)
			return nil
		}
		c.refuse(id, time.Since(begun))
	}
	return err
}

// choose asks a pair at the same time and returns the one that is to take the slab. It does
// not wait for one that is much slower than the other. A donor that is alone is not asked: it
// is the choice, by the rule alone, and refuses if it has no room.
func (c *Chooser) choose(ctx context.Context, pair []uint16, alone slabmap.Rule, cands []slabmap.Candidate) (uint16, Choice, error) {
	if len(pair) == 1 {
		return pair[0], Choice{Rule: alone, Figures: []Figure{c.steering.FigureOf(pair[0])}}, nil
	}
	answers, errs := make([]slabmap.Candidate, len(pair)), make([]error, len(pair))
	begun := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asked sync.WaitGroup
	for i, id := range pair {
		cand := cands[slices.IndexFunc(cands, func(c slabmap.Candidate) bool { return c.Donor == id })]
		asked.Go(func() {
			if answers[i], errs[i] = c.ask(ctx, cand); errs[i] == nil {
				time.AfterFunc(c.cfg.OtherDeadline, cancel)
			}
		})
	}
	asked.Wait()
	for i, err := range errs {
		if err != nil {
			c.refuse(pair[i], time.Since(begun))
		}
	}
	if id, rule, ok := c.place.Best(answers); ok {
		return id, Choice{Rule: rule, Figures: c.steering.figures(id, answers)}, nil
	}
	return 0, Choice{}, cmp.Or(errors.Join(errs...), error(lenders.ErrNoDonor))
}

func (c *Chooser) refuse(donor uint16, took time.Duration) {
	if c.refused != nil {
		c.refused(donor, took)
	}
}

// ask completes a candidate with the memory of the donor's machine: how full that is
// decides, not how much of what the donor may lend is lent.
func (c *Chooser) ask(ctx context.Context, cand slabmap.Candidate) (slabmap.Candidate, error) {
	d := c.cfg.Donors.Get(cand.Donor)
	s, ok := d.Up()
	if !ok {
		return cand, fmt.Errorf("donor %s: %w", d.Address(), lenders.ErrNoDonor)
	}
	ctx, cancel := context.WithTimeout(ctx, AskDeadline)
	defer cancel()
	mem, err := s.QueryMem(ctx)
	if err != nil {
		return cand, err
	}
	cand.Free, cand.Total = int64(mem.Free), int64(mem.Total)
	d.Has(cand.Free, cand.Total)
	if cand.Free < c.cfg.SlabSize {
		return cand, fmt.Errorf("donor %s has %d bytes left, a slab takes %d: %w", d.Address(), cand.Free, c.cfg.SlabSize, lenders.ErrNoDonor)
	}
	if mem.Machine > 0 {
		cand.Free, cand.Total = int64(max(mem.Spare, mem.Free)), int64(max(mem.Machine, mem.Free))
	}
	return cand, nil
}
