package mover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

const (
	// copyPause is before a move goes on after its connections have failed, and copyTries
	// how often it does before the slab is dropped instead.
	copyPause = 100 * time.Millisecond
	copyTries = 20
)

// beginMove finds a new donor for the slab among cands, and sends writes there from now
// on. It returns the slab as it is then.
func (m *Mover) beginMove(ctx context.Context, slab int, s slabmap.Slab, cands []slabmap.Candidate) (moved slabmap.Slab, err error) {
	err = m.chooser.Find(ctx, cands, func(d *lenders.Donor, by placement.Choice) error {
		epoch, err := m.moveTo(ctx, slab, s, d)
		moved = slabmap.Slab{State: slabmap.Migrating, Donor: d.ID(), Epoch: epoch}
		m.by = by
		return err
	})
	return moved, err
}

// moveTo asks a donor to lend memory for the slab, and begins the move.
func (m *Mover) moveTo(ctx context.Context, slab int, s slabmap.Slab, d *lenders.Donor) (epoch uint64, err error) {
	session, ok := d.Up()
	if !ok {
		return 0, fmt.Errorf("donor %s: %w", d.Address(), lenders.ErrNoDonor)
	}
	ctx, cancel := context.WithTimeout(ctx, placement.AskDeadline)
	defer cancel()
	if err := m.tests.Release(ctx, d, slab); err != nil {
		return 0, err
	}
	info, err := session.Map(ctx, uint32(slab), uint64(m.cfg.SlabSize), false, d.Transport())
	if err != nil {
		if ctx.Err() != nil {
			session.Abort(err) // it may have been carried out: the session's end undoes it
		}
		return 0, err
	}
	err = d.While(session, m.cfg.SlabSize, func() error {
		m.cfg.Keys.Set(slab, s.Epoch+1, verbs.Key(info.Key))
		epoch, err = m.cfg.Pages.BeginMove(slab, s.Epoch, d.ID())
		return err
	})
	if err != nil {
		m.handBack(session, slab, d.ID(), verbs.Key(info.Key))
	}
	return epoch, err
}

// copyAll copies the pages that are at the old donor until none is left, also over
// connections made anew. It returns how many it copied.
func (m *Mover) copyAll(ctx context.Context, c *copier, slab int, s slabmap.Slab, epoch uint64) (pages int, err error) {
	for range copyTries {
		n, err := c.copy(ctx, slab, s, epoch)
		pages += n
		if err == nil || errors.Is(err, errMoveOver) {
			return pages, err
		}
		if ctx.Err() != nil {
			return pages, context.Cause(ctx)
		}
		m.cfg.Log.Debug().Err(err).Int("slab", slab).Msg("a move goes on with new connections")
		select {
		case <-ctx.Done():
			return pages, context.Cause(ctx)
		case <-time.After(copyPause):
		}
	}
	return pages, fmt.Errorf("move slab %d: its pages cannot be copied: %w", slab, lenders.ErrNoDonor)
}

// finish brings a move to its end. old is the slab before the move, moved since then.
func (m *Mover) finish(ctx context.Context, c *copier, o order, old, moved slabmap.Slab) error {
	begun := time.Now()
	copying, cancel := m.untilOverdue(ctx, o.slab)
	pages, err := m.copyAll(copying, c, o.slab, old, moved.Epoch)
	cancel()
	if err == nil {
		err = m.cfg.Pages.EndMove(o.slab, moved.Epoch)
	}
	now := m.cfg.Pages.Slab(o.slab)
	if now.State == slabmap.Migrating && now.Epoch == moved.Epoch {
		if errors.Is(err, errMakeWay) {
			return err // the move goes on later: both donors serve the slab until then
		}
		return m.giveUp(o, old, moved, err)
	}
	if now.Donor == old.Donor && now.Epoch == old.Epoch {
		return errMovedBack
	}
	m.quiesce(o.slab, old.Epoch, moved.Epoch)
	if now.State != slabmap.Mapped || now.Epoch != moved.Epoch {
		return nil // both donors are lost, and the backing file serves the slab
	}
	m.moved(o, old, moved, pages, time.Since(begun))
	return nil
}

// moved counts and tells a move that has come to its end.
func (m *Mover) moved(o order, old, moved slabmap.Slab, pages int, took time.Duration) {
	m.mu.Lock()
	m.counts.Moved++
	m.counts.Pages += uint64(pages)
	m.counts.Last = took
	if o.slow {
		m.counts.Slow++
	}
	m.mu.Unlock()
	m.cfg.Steering.Moved(o.slab)
	m.decide(o, int(moved.Donor), took, nil)
	m.cfg.Journal.Info(status.EventSlabMoved, "slab is moved").At(o.slab).Of("to", m.cfg.Donors.Get(moved.Donor)).
		With("from", m.cfg.Donors.Get(old.Donor).Address()).With("pages", pages).With("took", took.Round(time.Microsecond)).Tell()
}
