package placement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
)

// tickPeriod is how often activity is measured and hot slabs are mapped.
const tickPeriod = time.Second

// Mapper maps slabs to donors: once a second those that became hot, or at once when writes
// have made them so, and every unmapped slab that is touched while a write waits for one.
// Donors that do not take a slab rest, longer each time.
type Mapper struct {
	Chooser
	hot    []int
	rests  rests
	warned bool // that no donor has room
	full   bool // no donor had room since the last tick

	wake chan struct{} // see Wake
}

// NewMapper makes a mapper.
func NewMapper(cfg Config, steering *Steering) *Mapper {
	m := &Mapper{Chooser: NewChooser(cfg, steering), rests: rests{}, wake: make(chan struct{}, 1)}
	m.refused = func(donor uint16, took time.Duration) {
		session, _ := cfg.Donors.Get(donor).Up()
		m.rests.refused(donor, session, time.Now(), took)
	}
	return m
}

// Wake has the mapper ask all donors again: one has come, or has room. It does not wait and
// may be called from any goroutine.
func (m *Mapper) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run maps slabs until ctx ends.
func (m *Mapper) Run(ctx context.Context) {
	ticker := time.NewTicker(tickPeriod)
	defer ticker.Stop()
	last := time.Now()
	var retry <-chan time.Time // for a write that waits, nil: none does
	for {
		threshold := m.cfg.Hot
		select {
		case <-ctx.Done():
			return
		case <-m.cfg.Notes.Kick():
			waits := m.cfg.Notes.WriteWaits()
			if m.full && waits && retry == nil {
				retry = time.After(time.Until(m.rests.end(time.Now())))
			}
			if m.full {
				continue
			}
			threshold = m.wanted(waits)
		case <-retry:
			retry = nil
			threshold = m.wanted(true)
		case <-m.wake:
			clear(m.rests)
			m.full = false
			threshold = m.wanted(retry != nil)
			retry = nil
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

// wanted is the activity from which a slab is mapped. While a write waits for one, any slab
// that was touched is wanted.
func (m *Mapper) wanted(writeWaits bool) float64 {
	if writeWaits {
		return 0
	}
	return m.cfg.Hot
}

// mapHot maps what is hot, hottest first, until no donor takes more.
func (m *Mapper) mapHot(ctx context.Context, threshold float64) {
	m.full = false
	m.hot = m.cfg.Pages.HotSlabs(threshold, m.hot[:0])
	for _, slab := range m.hot {
		epoch, err := m.cfg.Pages.BeginMap(slab)
		if err != nil {
			continue // it is not unmapped any more
		}
		if err = m.mapSlab(ctx, slab, epoch); err == nil {
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

// mapSlab finds a donor for a slab that is being mapped, by the placement policy.
func (m *Mapper) mapSlab(ctx context.Context, slab int, epoch uint64) error {
	err := m.Find(ctx, m.awake(), func(d *lenders.Donor, by Choice) error {
		return m.mapTo(ctx, slab, epoch, d, by)
	})
	if err != nil {
		return errors.Join(err, m.cfg.Pages.AbortMap(slab, epoch))
	}
	return nil
}

// awake are the candidates that do not rest.
func (m *Mapper) awake() []slabmap.Candidate {
	now := time.Now()
	return slices.DeleteFunc(m.Candidates(), func(c slabmap.Candidate) bool {
		session, _ := m.cfg.Donors.Get(c.Donor).Up()
		return m.rests.resting(c.Donor, session, now)
	})
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
	key, err := m.cfg.Donors.Map(ctx, d, s, slab)
	if err != nil {
		return err
	}
	mapped := time.Now()
	err = d.While(s, m.cfg.SlabSize, func() error {
		m.cfg.Keys.Set(slab, epoch, key)
		return m.cfg.Pages.CompleteMap(slab, epoch, d.ID())
	})
	if err != nil {
		m.cfg.Donors.GiveBack(s, slab, key)
		return err
	}
	opening := time.Since(mapped)
	delete(m.rests, d.ID())
	took, asking := by.Asking+mapped.Sub(begun)+opening, by.Asking
	m.steering.Decisions.Add(Decision{Slab: slab, From: NoDonor, To: int(d.ID()), Rule: by.Rule, Figures: by.Figures, Took: took})
	m.cfg.Journal.Info(status.EventSlabMapped, "slab is mapped").At(slab).Of("donor", d).With("transport", transport).
		With("took", micros(took)).With("asking", micros(asking)).
		With("map", micros(mapped.Sub(begun))).With("open", micros(opening)).Tell()
	return nil
}
