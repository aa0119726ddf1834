package mover

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/verbs"
)

// copyIdle is between two passes over pages that could not be claimed.
const copyIdle = time.Millisecond

// errMoveOver means that the slab is not migrating any more: a donor was lost.
var errMoveOver = errors.New("the move is over")

// copier copies the pages of migrating slabs. It belongs to a thread.
type copier struct {
	ends
	corrupt *atomic.Uint64 // counts bad pages
	slots   [copySlots]copySlot

	slab     int
	old      slabmap.Slab // the slab before the move
	epoch    uint64       // the slab's during the move
	from, to *end
	busy     int   // slots
	copied   int   // pages
	left     int   // pages that could not be claimed, in this pass
	err      error // the first of this copy
}

// copySlot is a run of claimed pages.
type copySlot struct {
	first int64
	pages int // 0: free
	views [copyPages]slabmap.View
	good  [copyPages]bool
}

func newCopier(cfg *Config, corrupt *atomic.Uint64) *copier {
	return &copier{ends: newEnds(cfg), corrupt: corrupt}
}

// copy copies all pages that slab has at its old donor, and returns how many. At its
// end no operation under the old epoch is in flight. errMoveOver, or what ended a
// connection: then some are left.
func (c *copier) copy(ctx context.Context, slab int, old slabmap.Slab, epoch uint64) (int, error) {
	c.slab, c.old, c.epoch, c.copied, c.err = slab, old, epoch, 0, nil
	if err := c.connect(ctx); err != nil {
		return 0, err
	}
	pages := c.cfg.Pages
	for {
		drained := pages.InFlightUnder(slab, old.Epoch) == 0
		c.pass(ctx)
		switch s := pages.Slab(slab); {
		case s.State != slabmap.Migrating || s.Epoch != epoch:
			return c.copied, errMoveOver
		case c.err != nil:
			return c.copied, c.err
		case ctx.Err() != nil: // the pass was cut short
			return c.copied, ctx.Err()
		case c.left == 0 && drained:
			return c.copied, nil
		}
		time.Sleep(copyIdle)
	}
}

// connect connects the two donors of the move.
func (c *copier) connect(ctx context.Context) error {
	if err := c.open(); err != nil {
		return err
	}
	var err error
	if c.from, err = c.reach(ctx, c.old.Donor); err != nil {
		return err
	}
	c.to, err = c.reach(ctx, c.cfg.Pages.Slab(c.slab).Donor)
	return err
}

// pass goes through the slab once.
func (c *copier) pass(ctx context.Context) {
	page, last := c.cfg.Pages.Geometry().PageRange(c.slab)
	c.left = 0
	for page < last || c.busy > 0 {
		if c.err != nil || ctx.Err() != nil {
			page = last // what is under way ends by itself
		}
		for i := range c.slots {
			if page < last && c.slots[i].pages == 0 {
				page = c.claim(i, page, last)
			}
		}
		if c.busy == 0 {
			continue
		}
		c.from.qp.Doorbell()
		c.to.qp.Doorbell()
		if err := c.loop.Pass(tickInterval); err != nil {
			panic(fmt.Sprintf("mover: the ring of a move: %v", err)) // no page could ever be let go
		}
		for _, e := range []*end{c.from, c.to} {
			c.poll(e)
			e.qp.Tick(c.loop.Now())
		}
	}
}

// claim fills a slot with the next run of pages that are at the old donor, reads it,
// and returns the page to look at next.
func (c *copier) claim(i int, page, end int64) int64 {
	pages, slot := c.cfg.Pages, &c.slots[i]
	for ; page < end && slot.pages < copyPages; page++ {
		claimed := false
		if pages.Look(page).Old {
			if claimed = pages.BeginWrite(page); !claimed {
				c.left++
			}
		}
		v := pages.Look(page)
		if claimed && !v.Old { // written or forgotten in between
			pages.AbortWrite(page)
			claimed = false
		}
		if !claimed {
			if slot.pages > 0 {
				break
			}
			continue
		}
		if slot.pages == 0 {
			slot.first = page
		}
		slot.views[slot.pages] = v
		slot.pages++
	}
	if slot.pages == 0 {
		return page
	}
	c.busy++
	if !c.acquire() {
		c.let(i)
		c.fail(errMoveOver)
		return end
	}
	c.post(i, c.from.qp, verbs.OpRead, c.old.Epoch)
	return page
}

// acquire counts a run in at both donors.
func (c *copier) acquire() bool {
	pages := c.cfg.Pages
	from, ok := pages.AcquireOld(c.slab)
	if !ok {
		return false
	}
	to, ok := pages.Acquire(c.slab)
	if ok && from.Epoch == c.old.Epoch && to.Epoch == c.epoch {
		return true
	}
	pages.Done(c.slab, from.Epoch)
	if ok {
		pages.Done(c.slab, to.Epoch)
	}
	return false
}

// post reads or writes a run.
func (c *copier) post(i int, qp verbs.QP, op verbs.Opcode, epoch uint64) {
	slot := &c.slots[i]
	first, _ := c.cfg.Pages.Geometry().PageRange(c.slab)
	wr := verbs.WR{
		ID: uint64(i), Op: op, Local: c.bytes(i, 0, slot.pages),
		Remote: uint64(slot.first-first) * slabmap.PageSize, Key: c.cfg.Keys.Get(c.slab, epoch),
	}
	if err := qp.Post(&wr); err != nil {
		c.fail(err)
		c.abort(i)
	}
}

func (c *copier) poll(e *end) {
	var done [copySlots]verbs.Completion
	for _, d := range done[:e.qp.Poll(done[:])] {
		i := int(d.ID)
		switch {
		case d.Status != verbs.StatusOK:
			c.fail(errors.Join(d.Status.Err(), e.qp.Err()))
			c.abort(i)
		case d.Op == verbs.OpRead && c.check(i):
			c.post(i, c.to.qp, verbs.OpWrite, c.epoch)
		default:
			c.record(i)
		}
	}
	if err := e.qp.Err(); err != nil {
		c.fail(err)
	}
}

// check compares what was read with its checksums, and reports whether a page of
// the run is to be written.
func (c *copier) check(i int) bool {
	slot, some := &c.slots[i], false
	for j := range slot.pages {
		slot.good[j] = slabmap.Checksum(c.bytes(i, j, j+1)) == slot.views[j].CRC
		if !slot.good[j] {
			c.corrupt.Add(1)
			c.cfg.Notes.Corrupt(slot.first+int64(j), slabmap.Remote, c.old.Donor)
		}
		some = some || slot.good[j]
	}
	return some
}

// record tells the map where the pages of a run are now. A bad copy counts no more.
func (c *copier) record(i int) {
	slot := &c.slots[i]
	for j := range slot.pages {
		page, v := slot.first+int64(j), &slot.views[j]
		switch {
		case !slot.good[j]:
			c.cfg.Pages.EndWrite(page, slabmap.Written{CRC: v.CRC, Backing: v.Place&slabmap.Backing != 0})
		case c.cfg.Pages.EndCopy(page, c.epoch):
			c.copied++
		}
	}
	slot.pages = 0
	c.busy--
	c.countOut()
}

// abort gives a run up: its pages stay where they were.
func (c *copier) abort(i int) {
	c.let(i)
	c.countOut()
}

// let lets go of the pages of a run.
func (c *copier) let(i int) {
	slot := &c.slots[i]
	for j := range slot.pages {
		c.cfg.Pages.AbortWrite(slot.first + int64(j))
	}
	slot.pages = 0
	c.busy--
}

// countOut counts a run out at both donors.
func (c *copier) countOut() {
	c.cfg.Pages.Done(c.slab, c.old.Epoch)
	c.cfg.Pages.Done(c.slab, c.epoch)
}

// fail keeps the first reason.
func (c *copier) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}
