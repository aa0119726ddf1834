package mover

import (
	"context"
	"fmt"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/placement"
)

// giveUp ends a move that gets no further though both donors are there. The backing file
// serves the slab; if it cannot, the move goes on later.
func (c *carrier) giveUp(ctx context.Context, old, moved slabmap.Slab, cause error) error {
	if c.cfg.ended() {
		return cause
	}
	key := c.cfg.Keys.Get(c.u.slab, moved.Epoch)
	if err := c.drop(old.Donor, moved.Epoch, cause); err != nil {
		return err
	}
	if session, ok := c.cfg.Donors.Get(moved.Donor).Session(); ok {
		c.giveUpGrant(session, moved.Donor, key)
	}
	c.quiesce(old.Epoch, moved.Epoch)
	return nil
}

// drop leaves a slab that is not moved to the backing file, for the reason given. epoch is
// the slab's, and from the donor that it leaves.
func (c *carrier) drop(from uint16, epoch uint64, cause error) error {
	slab := c.u.slab
	if !c.droppable() {
		return fmt.Errorf("slab %d has pages that are nowhere else, and is not moved: %w", slab, cause)
	}
	failed, err := c.cfg.Pages.Fail(slab, epoch)
	if err != nil {
		return err
	}
	begun := time.Now()
	placement.Release(c.cfg.Pages, c.cfg.Journal, c.cfg.Ended, []placement.Failed{{Slab: slab, Epoch: failed}})
	drained := time.Since(begun)
	c.mu.Lock()
	c.counts.Dropped++
	c.counts.Drained = drained
	c.mu.Unlock()
	c.cfg.Journal.Info(status.EventSlabDropped, "slab is dropped, not moved; the backing file serves it").
		At(slab).Of("from", c.cfg.Donors.Get(from)).Because(cause).With("drained", drained).Tell()
	c.decide(from, placement.NoDonor, 0, cause)
	return nil
}
