package swapdev

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// tickPeriod is how often activity is measured and hot slabs are mapped.
const tickPeriod = time.Second

// mapper maps slabs to donors: those that became hot, once a second, or at once
// when writes have made them so; without a backing file every unmapped slab that
// is written. It has a goroutine of its own, which alone calls its methods.
type mapper struct {
	chooser
	hot    []int
	warned bool // that no donor has room
	full   bool // no donor had room since the last tick
}

func newMapper(e *engine) *mapper { return &mapper{chooser: newChooser(e)} }

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
			m.engine.steering.decide(decision{slab: slab, from: noDonor, to: noDonor, rule: slabmap.Emptier, refusal: err.Error()})
			m.engine.journal.warn(status.EventNoRoom, "a hot slab stays with the backing file").at(slab).because(err).tell()
		}
		return
	}
}

// mapSlab finds the slab a donor, by the placement policy.
func (m *mapper) mapSlab(ctx context.Context, slab int) error {
	epoch, err := m.engine.pages.BeginMap(slab)
	if err != nil {
		return err
	}
	err = m.find(ctx, m.candidates(), func(d *donor, by choice) error {
		return m.mapTo(ctx, slab, epoch, d, by)
	})
	if err != nil {
		return errors.Join(err, m.engine.pages.AbortMap(slab, epoch))
	}
	return nil
}

// mapTo has the donor lend a slab of memory, and opens it to the queues. by is why the
// donor was chosen.
func (m *mapper) mapTo(ctx context.Context, slab int, epoch uint64, d *donor, by choice) error {
	s, ok := d.up()
	if !ok {
		return fmt.Errorf("donor %s: %w", d.address, ErrNoDonor)
	}
	// If the donor is lost in between this is not s's, and complete refuses.
	transport := d.over()
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	if err := m.engine.tests.release(ctx, d, slab); err != nil {
		return err
	}
	begun := time.Now()
	info, err := s.Map(ctx, uint32(slab), uint64(m.engine.cfg.SlabSize), false, transport)
	if err != nil {
		if ctx.Err() != nil {
			s.Abort(err) // it may have been carried out: the session's end undoes it
		}
		return err
	}
	mapped := time.Now()
	err = d.open(s, slab, epoch, verbs.Key(info.Key), func() error { return m.engine.pages.CompleteMap(slab, epoch, d.id) })
	if err != nil {
		return err
	}
	opening := time.Since(mapped)
	took, asking := by.asking+mapped.Sub(begun)+opening, by.asking
	m.engine.steering.decide(decision{slab: slab, from: noDonor, to: int(d.id), rule: by.rule, figures: by.figures, took: took})
	m.engine.journal.info(status.EventSlabMapped, "slab is mapped").at(slab).of("donor", d).with("transport", transport).
		with("took", micros(took)).with("asking", micros(asking)).
		with("map", micros(mapped.Sub(begun))).with("open", micros(opening)).tell()
	return nil
}

// micros is d as it is logged.
func micros(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// open makes a slab that the donor has lent under key usable, by transit, unless the
// donor was lost meanwhile: both happen under its lock, so that disconnect finds
// every slab. epoch is the slab's from then on.
func (d *donor) open(s *control.Session, slab int, epoch uint64, key verbs.Key, transit func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state != donorUp || d.session != s {
		return fmt.Errorf("donor %s was lost: %w", d.address, ErrNoDonor)
	}
	d.free = max(0, d.free-d.engine.cfg.SlabSize)
	d.engine.keys.set(slab, epoch, key)
	return transit()
}
