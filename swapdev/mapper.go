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

	"farswap/control"
	"farswap/slabmap"
	"farswap/verbs"
)

// tickPeriod is how often activity is measured and hot slabs are mapped.
const tickPeriod = time.Second

// mapper maps slabs to donors: those that became hot, once a second, or at once
// when writes have made them so; without a backing file every unmapped slab that
// is written. It has a goroutine of its own, which alone calls its methods.
type mapper struct {
	engine *engine
	place  slabmap.Placement
	rng    *rand.Rand
	hot    []int
	warned bool // that no donor has room
	full   bool // no donor had room since the last tick
}

func newMapper(e *engine) *mapper {
	return &mapper{
		engine: e,
		place:  slabmap.PowerOfTwo{SlabSize: e.cfg.SlabSize},
		rng:    rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
}

func (m *mapper) run(ctx context.Context) {
	e := m.engine
	ticker := time.NewTicker(tickPeriod)
	defer ticker.Stop()
	last := time.Now()
	for {
		threshold := e.cfg.HotThreshold
		select {
		case <-ctx.Done():
			return
		case n := <-e.events.notes:
			e.logNote(n)
			continue
		case <-e.events.kick:
			if e.backing == nil {
				threshold = 0 // a write waits: any slab that was touched is wanted
			} else if m.full {
				continue
			}
		case now := <-ticker.C:
			m.full = false
			if d := now.Sub(last).Seconds(); d > 0 {
				e.pages.Tick(d)
				last = now
			}
		}
		m.mapHot(ctx, threshold)
	}
}

// mapHot maps what is hot, hottest first, until no donor takes more.
func (m *mapper) mapHot(ctx context.Context, threshold float64) {
	m.hot = m.engine.pages.HotSlabs(threshold, m.hot[:0])
	for _, slab := range m.hot {
		err := m.mapSlab(ctx, slab)
		if err == nil {
			m.warned = false
			continue
		}
		m.full = true
		if ctx.Err() == nil && !m.warned {
			m.warned = true
			m.engine.cfg.Log.Warn().Err(err).Int("slab", slab).Msg("a hot slab stays with the backing file")
		}
		return
	}
}

// mapSlab finds the slab a donor, by the placement policy.
func (m *mapper) mapSlab(ctx context.Context, slab int) error {
	e := m.engine
	epoch, err := e.pages.BeginMap(slab)
	if err != nil {
		return err
	}
	err = ErrNoDonor
	cands := m.candidates()
	var asking time.Duration // over all attempts
	for len(cands) > 0 {
		pair := m.place.Pair(m.rng, cands)
		begun := time.Now()
		id, askErr := m.choose(ctx, pair, cands)
		asking += time.Since(begun)
		cands = slices.DeleteFunc(cands, func(c slabmap.Candidate) bool { return slices.Contains(pair, c.Donor) })
		if askErr != nil {
			err = askErr
			continue
		}
		if err = m.mapTo(ctx, slab, epoch, e.donors[id], asking); err == nil {
			return nil
		}
	}
	return errors.Join(err, e.pages.AbortMap(slab, epoch))
}

// choose asks a pair at the same time and returns the one to map the slab. One
// alone need not be asked: it is the choice, and refuses if it has no room.
func (m *mapper) choose(ctx context.Context, pair []uint16, cands []slabmap.Candidate) (uint16, error) {
	if len(pair) == 1 {
		return pair[0], nil
	}
	answers, errs := make([]slabmap.Candidate, len(pair)), make([]error, len(pair))
	var asked sync.WaitGroup
	for i, id := range pair {
		c := cands[slices.IndexFunc(cands, func(c slabmap.Candidate) bool { return c.Donor == id })]
		asked.Go(func() { answers[i], errs[i] = m.ask(ctx, c) })
	}
	asked.Wait()
	if id, ok := m.place.Best(answers); ok {
		return id, nil
	}
	return 0, cmp.Or(errors.Join(errs...), error(ErrNoDonor))
}

// candidates are the donors that are up, with the slabs they hold.
func (m *mapper) candidates() []slabmap.Candidate {
	e := m.engine
	holds := e.holds()
	var cands []slabmap.Candidate
	for _, d := range e.donors {
		if _, ok := d.up(); ok {
			cands = append(cands, slabmap.Candidate{Donor: d.id, Holds: holds[d.id]})
		}
	}
	return cands
}

// ask completes a candidate with the donor's memory.
func (m *mapper) ask(ctx context.Context, c slabmap.Candidate) (slabmap.Candidate, error) {
	d := m.engine.donors[c.Donor]
	s, ok := d.up()
	if !ok {
		return c, fmt.Errorf("donor %s: %w", d.address, ErrNoDonor)
	}
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	mem, err := s.QueryMem(ctx)
	if err != nil {
		return c, err
	}
	c.Free, c.Total = int64(mem.Free), int64(mem.Total)
	d.hasFree(c.Free)
	if c.Free < m.engine.cfg.SlabSize {
		return c, fmt.Errorf("donor %s has %d bytes left, a slab takes %d: %w", d.address, c.Free, m.engine.cfg.SlabSize, ErrNoDonor)
	}
	return c, nil
}

// mapTo has the donor lend a slab of memory, and opens it to the queues. asking is
// how long it took to choose the donor.
func (m *mapper) mapTo(ctx context.Context, slab int, epoch uint64, d *donor, asking time.Duration) error {
	s, ok := d.up()
	if !ok {
		return fmt.Errorf("donor %s: %w", d.address, ErrNoDonor)
	}
	// If the donor is lost in between this is not s's, and complete refuses.
	transport := d.over()
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	begun := time.Now()
	info, err := s.Map(ctx, uint32(slab), uint64(m.engine.cfg.SlabSize), false, transport)
	if err != nil {
		if ctx.Err() != nil {
			s.Abort(err) // it may have been carried out: the session's end undoes it
		}
		return err
	}
	mapped := time.Now()
	if err := m.complete(slab, epoch, d, s, verbs.Key(info.Key)); err != nil {
		return err
	}
	took := func(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
	opening := time.Since(mapped)
	m.engine.cfg.Log.Info().Int("slab", slab).Str("donor", d.address).Str("transport", transport).
		Stringer("took", took(asking+mapped.Sub(begun)+opening)).Stringer("asking", took(asking)).
		Stringer("map", took(mapped.Sub(begun))).Stringer("open", took(opening)).Msg("slab is mapped")
	return nil
}

// complete makes the slab mapped, unless the donor was lost meanwhile: both
// happen under its lock, so that disconnect finds every slab.
func (m *mapper) complete(slab int, epoch uint64, d *donor, s *control.Session, key verbs.Key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state != donorUp || d.session != s {
		return fmt.Errorf("donor %s was lost: %w", d.address, ErrNoDonor)
	}
	d.free = max(0, d.free-m.engine.cfg.SlabSize)
	m.engine.keys.set(slab, epoch, key)
	return m.engine.pages.CompleteMap(slab, epoch, d.id)
}
