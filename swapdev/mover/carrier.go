package mover

import (
	"context"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/placement"
)

// carrier carries out one order, on a goroutine of its own. Nobody else moves the slab
// meanwhile.
type carrier struct {
	*Mover
	u       *underWay
	chooser placement.Chooser
	by      placement.Choice // of the donor that the slab moves to
}

func newCarrier(m *Mover, u *underWay) *carrier {
	return &carrier{Mover: m, u: u, chooser: placement.NewChooser(m.cfg.Placement, m.cfg.Steering)}
}

// decide records what has become of the slab. from is the donor that it was to leave, and
// cause is why it went to none.
func (c *carrier) decide(from uint16, to int, took time.Duration, cause error) {
	d := placement.Decision{Slab: c.u.slab, From: int(from), To: to, Rule: slabmap.GivenBack, Took: took, Figures: c.by.Figures}
	if c.orders.now(c.u).slow && from == c.u.donor {
		d.Rule = slabmap.SlowDonor
	}
	if cause != nil {
		d.Refusal, d.Figures = cause.Error(), nil
	}
	d.Figures = append(d.Figures[:len(d.Figures):len(d.Figures)], c.cfg.Steering.FigureOf(from))
	c.cfg.Steering.Decisions.Add(d)
}

// untilOverdue is a context for moving the slab. It ends with errMakeWay when a calm order
// has to wait, and with errHurried when the order, urgent from the start or made so
// meanwhile, has used up its time. A slab that the backing file does not have is moved to
// the end.
func (c *carrier) untilOverdue(ctx context.Context) (context.Context, context.CancelFunc) {
	moving, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-moving.Done():
			return
		case <-c.u.displaced:
			cancel(errMakeWay)
			return
		case <-c.u.hurried:
		}
		rest := time.Until(c.orders.now(c.u).given.Add(UrgentBudget))
		select {
		case <-moving.Done():
		case <-time.After(rest):
			if c.droppable() {
				cancel(errHurried)
			}
		}
	}()
	return moving, func() { cancel(nil) }
}

// droppable reports whether the backing file has, or is about to have, every page of the
// slab.
func (c *carrier) droppable() bool {
	if c.cfg.Backing == nil {
		return false
	}
	first, end := c.cfg.Pages.Geometry().PageRange(c.u.slab)
	for page := first; page < end; page++ {
		if v := c.cfg.Pages.Look(page); v.Place == slabmap.Remote && !v.Pending && !v.Writing {
			return false
		}
	}
	return true
}
