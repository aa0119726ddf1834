package placement

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/verbs"
)

// tickPeriod is how often activity is measured and hot slabs are mapped.
const tickPeriod = time.Second

// Mapper maps slabs to donors: once a second those that became hot, or at once when writes
// have made them so, and every unmapped slab that is touched while a write waits for one.
type Mapper struct {
	Chooser
	hot    []int
	warned bool // that no donor has room
	full   bool // no donor had room since the last tick
}

// NewMapper makes a mapper.
func NewMapper(cfg Config, steering *Steering) *Mapper {
	return &Mapper{Chooser: NewChooser(cfg, steering)}
}

// Run maps slabs until ctx ends.
func (m *Mapper) Run(ctx context.Context) {
	ticker := time.NewTicker(tickPeriod)
	defer ticker.Stop()
	last := time.Now()
	for {
		threshold := m.cfg.Hot
		select {
		case <-ctx.Done():
			return
		case <-m.cfg.Notes.Kick():
			if m.cfg.Notes.WriteWaits() {
				threshold = 0 // any slab that was touched is wanted
			} else if m.full {
				continue
			}
		case now := <-ticker.C:
			m.full = false
			if d := now.Sub(last).Seconds(); d > 0 {
				m.cfg.Pages.Tick(d)
				last = now
			}
		}
		m.mapHot(ctx, threshold)
	}
}

// mapHot maps what is hot, hottest first, until no donor takes more.
func (m *Mapper) mapHot(ctx context.Context, threshold float64) {
	m.hot = m.cfg.Pages.HotSlabs(threshold, m.hot[:0])
	for _, slab := range m.hot {
		err := m.mapSlab(ctx, slab)
		if err == nil {
			m.warned = false
			continue
		}
		m.full = true
		if ctx.Err() == nil && !m.warned {
			m.warned = true
			m.steering.Decisions.Add(Decision{Slab: slab, From: NoDonor, To: NoDonor, Rule: slabmap.Emptier, Refusal: err.Error()})
			m.cfg.Journal.Warn(status.EventNoRoom, "a hot slab stays with the backing file").At(slab).Because(err).Tell()
		}
		return
	}
}

// mapSlab finds a donor for a slab, by the placement policy.
func (m *Mapper) mapSlab(ctx context.Context, slab int) error {
	epoch, err := m.cfg.Pages.BeginMap(slab)
	if err != nil {
		return err
	}
	err = m.Find(ctx, m.Candidates(), func(d *lenders.Donor, by Choice) error {
		return m.mapTo(ctx, slab, epoch, d, by)
	})
	if err != nil {
		return errors.Join(err, m.cfg.Pages.AbortMap(slab, epoch))
	}
	return nil
}

// mapTo asks a donor to lend a slab of memory, and opens it to the queues. by says why
// this donor was chosen.
func (m *Mapper) mapTo(ctx context.Context, slab int, epoch uint64, d *lenders.Donor, by Choice) error {
	s, ok := d.Up()
	if !ok {
		return fmt.Errorf("donor %s: %w", d.Address(), lenders.ErrNoDonor)
	}
	// If the donor is lost in between, this is not the transport of s, and While refuses.
	transport := d.Transport()
	ctx, cancel := context.WithTimeout(ctx, AskDeadline)
	defer cancel()
	if err := m.cfg.ReleaseTests(ctx, d, slab); err != nil {
		return err
	}
	begun := time.Now()
	info, err := s.Map(ctx, uint32(slab), uint64(m.cfg.SlabSize), false, transport)
	if err != nil {
		if ctx.Err() != nil {
			s.Abort(err) // it may have been carried out: the session's end undoes it
		}
		return err
	}
	mapped := time.Now()
	err = d.While(s, m.cfg.SlabSize, func() error {
		m.cfg.Keys.Set(slab, epoch, verbs.Key(info.Key))
		return m.cfg.Pages.CompleteMap(slab, epoch, d.ID())
	})
	if err != nil {
		return err
	}
	opening := time.Since(mapped)
	took, asking := by.Asking+mapped.Sub(begun)+opening, by.Asking
	m.steering.Decisions.Add(Decision{Slab: slab, From: NoDonor, To: int(d.ID()), Rule: by.Rule, Figures: by.Figures, Took: took})
	m.cfg.Journal.Info(status.EventSlabMapped, "slab is mapped").At(slab).Of("donor", d).With("transport", transport).
		With("took", micros(took)).With("asking", micros(asking)).
		With("map", micros(mapped.Sub(begun))).With("open", micros(opening)).Tell()
	return nil
}
