package mover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

const (
	// copyPause is before a copy goes on after a connection has failed, and copyTries how
	// often it does before the move waits in line.
	copyPause = 100 * time.Millisecond
	copyTries = 3
	// askPatience is for donors that are being asked when there is no time any more. Their
	// answers are about to come, unless they are stuck. A donor ends a session in which
	// too many questions are under way.
	askPatience = 200 * time.Millisecond
)

// later is a context that ends some time after another one, for the same cause.
func later(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	after, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(by, func() { cancel(context.Cause(ctx)) })
	})
	return after, func() {
		stop()
		cancel(nil)
	}
}

// beginMove finds a new donor for the slab among cands, and sends writes there from now
// on. It returns the slab as it is then. errMakeWay and errHurried cut the search short.
func (c *carrier) beginMove(ctx context.Context, s slabmap.Slab, cands []slabmap.Candidate) (moved slabmap.Slab, err error) {
	if n := c.cfg.Pages.InFlightUnder(c.u.slab, s.Epoch+1); n > 0 {
		return moved, fmt.Errorf("move slab %d with %d operations of an earlier move in flight: %w", c.u.slab, n, slabmap.ErrBusy)
	}
	moving, cancel := c.untilOverdue(ctx)
	defer cancel()
	if moving.Err() != nil {
		return moved, context.Cause(moving)
	}
	asking, cancelAsking := later(moving, askPatience)
	defer cancelAsking()
	err = c.chooser.Find(asking, cands, func(d *lenders.Donor, by placement.Choice) error {
		epoch, err := c.moveTo(asking, s, d)
		moved = slabmap.Slab{State: slabmap.Migrating, Donor: d.ID(), Epoch: epoch}
		c.by = by
		return err
	})
	if err != nil && asking.Err() != nil {
		err = context.Cause(asking)
	}
	return moved, err
}

// moveTo asks a donor to lend memory for the slab, and begins the move.
func (c *carrier) moveTo(ctx context.Context, s slabmap.Slab, d *lenders.Donor) (epoch uint64, err error) {
	session, ok := d.Up()
	if !ok {
		return 0, fmt.Errorf("donor %s: %w", d.Address(), lenders.ErrNoDonor)
	}
	slab := c.u.slab
	if err := c.tests.Release(ctx, d, slab); err != nil {
		return 0, err
	}
	key, err := c.lend(ctx, session, d)
	if err != nil {
		return 0, err
	}
	err = d.While(session, c.cfg.SlabSize, func() error {
		c.cfg.Keys.Set(slab, s.Epoch+1, key)
		epoch, err = c.cfg.Pages.BeginMove(slab, s.Epoch, d.ID())
		return err
	})
	if err != nil {
		c.giveUpGrant(session, d.ID(), key)
	}
	return epoch, err
}

// lend asks a donor for memory for the slab. What the donor lends later is given back.
func (c *carrier) lend(ctx context.Context, session *control.Session, d *lenders.Donor) (verbs.Key, error) {
	asking, cancel := context.WithTimeout(ctx, placement.AskDeadline)
	defer cancel()
	key, err := c.cfg.Donors.Map(asking, d, session, c.u.slab)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return key, err
}

// giveUpGrant gives back what was lent for a move that does not come to its end. If the
// donor does not answer, an order tries it again.
func (c *carrier) giveUpGrant(s *control.Session, donor uint16, key verbs.Key) {
	if unmapKey(context.Background(), s, c.u.slab, key) != nil {
		c.HandBack(c.u.slab, donor, key)
	}
}

// copyAll copies the pages that are at the old donor until none is left, also over
// connections made anew. It returns how many it copied.
func (c *carrier) copyAll(ctx context.Context, old, moved slabmap.Slab) (pages int, err error) {
	for try := range copyTries {
		if try > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(copyPause):
			}
		}
		j := &copyJob{
			ctx: ctx, slab: c.u.slab, old: old, moved: moved,
			urgent: c.u.pressing.Load, overdue: func() bool { return c.orders.overdue(c.u) },
		}
		if err = c.copier.do(ctx, j); err == nil {
			err = j.err
		}
		pages += j.copied
		if err == nil || errors.Is(err, errMoveOver) {
			return pages, err
		}
		if ctx.Err() != nil {
			return pages, context.Cause(ctx)
		}
		c.cfg.Log.Debug().Err(err).Int("slab", c.u.slab).Msg("a move waits for a connection")
	}
	return pages, fmt.Errorf("move slab %d: its pages cannot be copied now: %w", c.u.slab, err)
}

// finish brings a move to its end. old is the slab before the move, moved since then. With
// an error the slab is still migrating, or back at its old donor.
func (c *carrier) finish(ctx context.Context, old, moved slabmap.Slab) error {
	begun, slab := time.Now(), c.u.slab
	moving, cancel := c.untilOverdue(ctx)
	pages, err := c.copyAll(moving, old, moved)
	cancel()
	if err == nil {
		err = c.cfg.Pages.EndMove(slab, moved.Epoch)
	}
	now := c.cfg.Pages.Slab(slab)
	switch {
	case now == moved && (errors.Is(err, errHurried) || c.orders.now(c.u).tries >= orderTries):
		return c.giveUp(ctx, old, moved, err)
	case now == moved:
		return err // the move goes on later: both donors serve the slab until then
	case now.Donor == old.Donor && now.Epoch == old.Epoch && placement.Holds(now):
		return errMovedBack
	}
	c.quiesce(old.Epoch, moved.Epoch)
	if now.State != slabmap.Mapped || now.Epoch != moved.Epoch {
		return nil // both donors are lost, and the backing file serves the slab
	}
	c.moved(old, moved, pages, time.Since(begun))
	return nil
}

// quiesce waits until no operation is in flight at the old donor of a move. That is so at
// the latest when the slab has been given up, and each operation has a deadline.
func (c *carrier) quiesce(old, moved uint64) {
	pages := c.cfg.Pages
	for pages.InFlightUnder(c.u.slab, old) > 0 && pages.Slab(c.u.slab).Epoch <= moved+1 && !c.cfg.ended() {
		time.Sleep(placement.ReleasePause)
	}
}

// moved counts and tells a move that has come to its end.
func (c *carrier) moved(old, moved slabmap.Slab, pages int, took time.Duration) {
	slow := c.orders.now(c.u).slow && old.Donor == c.u.donor
	c.mu.Lock()
	c.counts.Moved++
	c.counts.Pages += uint64(pages)
	c.counts.Last = took
	if slow {
		c.counts.Slow++
	}
	c.mu.Unlock()
	c.cfg.Steering.Moved(c.u.slab)
	c.decide(old.Donor, int(moved.Donor), took, nil)
	c.cfg.Journal.Info(status.EventSlabMoved, "slab is moved").At(c.u.slab).Of("to", c.cfg.Donors.Get(moved.Donor)).
		With("from", c.cfg.Donors.Get(old.Donor).Address()).With("pages", pages).With("took", took.Round(time.Microsecond)).Tell()
}
