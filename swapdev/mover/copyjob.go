package mover

import (
	"context"
	"errors"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/verbs"
)

// errMoveOver means that the slab is not migrating any more: a donor was lost.
var errMoveOver = errors.New("the move is over")

// copyJob copies all pages that a migrating slab has at its old donor. At its end without
// an error, no operation under the old epoch is in flight.
type copyJob struct {
	ctx    context.Context
	slab   int
	old    slabmap.Slab // the slab before the move
	moved  slabmap.Slab // during the move
	urgent func() bool
	// overdue reports whether an urgent job has used up its time, so that calm ones do not
	// wait for it any more: its donor may be stuck.
	overdue func() bool

	// What follows belongs to the copier's thread, until the job is over.

	copied int   // pages
	err    error // why it is over too early: errMoveOver, the context's cause, or what ended a connection

	slots  [copySlots]copySlot
	first  int      // of the slots, among all slots of the copier
	from   verbs.QP // to the old donor
	to     verbs.QP // to the new donor
	going  bool     // both are there, and the new donor may be written to
	busy   int      // slots
	page   int64    // the next that this pass looks at
	last   int64    // before this one the slab ends
	passes int
	// Of this pass: pages that could not be claimed, and whether no operation under the
	// old epoch was in flight when it began.
	left    int
	drained bool
	next    int64 // loop time of the next pass
}

// copySlot is a run of claimed pages.
type copySlot struct {
	first int64
	pages int // 0: free
	views [copyPages]slabmap.View
	good  [copyPages]bool
	mending
}

func (j *copyJob) begin(first int) { j.first = first }

func (j *copyJob) hurries() bool { return j.urgent() }

func (j *copyJob) presses() bool { return j.err == nil && j.going && j.urgent() && !j.overdue() }

func (j *copyJob) idles() bool { return j.err == nil && j.going && j.busy == 0 }

func (j *copyJob) failed(donor uint16, err error) {
	if donor == j.old.Donor || donor == j.moved.Donor {
		j.fail(err)
	}
}

// fail keeps the first reason.
func (j *copyJob) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

// drive implements job.
func (j *copyJob) drive(c *copier) (over bool) {
	if s := c.cfg.Pages.Slab(j.slab); s != j.moved {
		j.fail(errMoveOver)
	}
	if j.ctx.Err() != nil {
		j.fail(context.Cause(j.ctx))
	}
	if j.err != nil {
		return j.busy == 0
	}
	if j.going = j.reach(c) && !c.cfg.Barrier.Up(j.moved.Donor); !j.going {
		return false
	}
	if c.pressed && !j.urgent() {
		j.going = false
		return false
	}
	if j.page == j.last && j.busy == 0 {
		if j.passes > 0 && j.left == 0 && j.drained {
			return true
		}
		if c.loop.Now() < j.next {
			return false
		}
		j.page, j.last = c.cfg.Pages.Geometry().PageRange(j.slab)
		j.drained = c.cfg.Pages.InFlightUnder(j.slab, j.old.Epoch) == 0
		j.left, j.next = 0, c.loop.Now()+int64(copyIdle)
		j.passes++
	}
	for i := range j.slots {
		if j.page < j.last && j.slots[i].pages == 0 {
			j.claim(c, i)
		}
	}
	return j.err != nil && j.busy == 0
}

// reach reports whether the two donors of the move are connected.
func (j *copyJob) reach(c *copier) bool {
	from, to := c.reach(j.old.Donor, c.connected), c.reach(j.moved.Donor, c.connected)
	if from == nil || to == nil {
		return false
	}
	j.from, j.to = from.qp, to.qp
	return true
}

// claim fills a slot with the next run of pages that are at the old donor, and reads it.
func (j *copyJob) claim(c *copier, i int) {
	pages, slot := c.cfg.Pages, &j.slots[i]
	for ; j.page < j.last && slot.pages < copyPages; j.page++ {
		claimed := false
		if pages.Look(j.page).Old {
			if claimed = pages.BeginWrite(j.page); !claimed {
				j.left++
			}
		}
		v := pages.Look(j.page)
		if claimed && !v.Old { // written or forgotten in between
			pages.AbortWrite(j.page)
			claimed = false
		}
		if !claimed {
			if slot.pages > 0 {
				break
			}
			continue
		}
		if slot.pages == 0 {
			slot.first = j.page
		}
		slot.views[slot.pages] = v
		slot.pages++
	}
	if slot.pages == 0 {
		return
	}
	j.busy++
	if !j.acquire(c) {
		j.let(c, i)
		j.fail(errMoveOver)
		return
	}
	slot.mending = mending{}
	j.post(c, i, j.from, verbs.OpRead, j.old.Epoch, 0, slot.pages)
}

// acquire counts a run in at both donors.
func (j *copyJob) acquire(c *copier) bool {
	pages := c.cfg.Pages
	from, ok := pages.AcquireOld(j.slab)
	if !ok {
		return false
	}
	to, ok := pages.Acquire(j.slab)
	if ok && from.Epoch == j.old.Epoch && to == j.moved {
		return true
	}
	pages.Done(j.slab, from.Epoch)
	if ok {
		pages.Done(j.slab, to.Epoch)
	}
	return false
}

// post reads or writes pages a to before b of a run.
func (j *copyJob) post(c *copier, i int, qp verbs.QP, op verbs.Opcode, epoch uint64, a, b int) {
	slot := &j.slots[i]
	first, _ := c.cfg.Pages.Geometry().PageRange(j.slab)
	wr := verbs.WR{
		ID: uint64(j.first + i), Op: op, Local: c.bytes(j.first+i, a, b),
		Remote: uint64(slot.first+int64(a)-first) * slabmap.PageSize, Key: c.cfg.Keys.Get(j.slab, epoch),
	}
	if err := qp.Post(&wr); err != nil {
		j.fail(err)
		j.abort(c, i)
	}
}

// ended implements job.
func (j *copyJob) ended(c *copier, slot int, d verbs.Completion) {
	i := slot - j.first
	switch {
	case d.Status != verbs.StatusOK || j.err != nil && d.Op == verbs.OpRead:
		j.abort(c, i)
	case d.Op == verbs.OpWrite:
		j.record(c, i)
	default:
		j.check(c, i)
		j.mend(c, i)
	}
}

// write sends the run to the new donor, once all is done for its bad pages. While a WRITE of
// unknown outcome may reach that donor, nothing is written there.
func (j *copyJob) write(c *copier, i int) {
	switch slot := &j.slots[i]; {
	case !slot.some():
		j.record(c, i)
	case c.cfg.Barrier.Up(j.moved.Donor):
		j.abort(c, i)
		j.left++ // another pass finds them
	default:
		j.post(c, i, j.to, verbs.OpWrite, j.moved.Epoch, 0, slot.pages)
	}
}

// some reports whether a page of the run is good.
func (s *copySlot) some() bool {
	for _, good := range s.good[:s.pages] {
		if good {
			return true
		}
	}
	return false
}

// record tells the map where the pages of a run are now. A page without a good copy is
// given up, unless the move is over: then it is as it was before.
func (j *copyJob) record(c *copier, i int) {
	slot := &j.slots[i]
	for n := range slot.pages {
		page, v := slot.first+int64(n), &slot.views[n]
		switch {
		case slot.good[n]:
			if c.cfg.Pages.EndCopy(page, j.moved.Epoch) {
				j.copied++
			}
		case c.cfg.Pages.Slab(j.slab) != j.moved:
			c.cfg.Pages.AbortWrite(page)
		default:
			c.cfg.Pages.EndWrite(page, slabmap.Written{CRC: v.CRC, Seal: v.Seal, Backing: v.Place&slabmap.Backing != 0})
		}
	}
	j.free(c, i)
	j.countOut(c)
}

// abort gives a run up: its pages stay where they were.
func (j *copyJob) abort(c *copier, i int) {
	j.let(c, i)
	j.countOut(c)
}

// let lets go of the pages of a run.
func (j *copyJob) let(c *copier, i int) {
	slot := &j.slots[i]
	for n := range slot.pages {
		c.cfg.Pages.AbortWrite(slot.first + int64(n))
	}
	j.free(c, i)
}

func (j *copyJob) free(c *copier, i int) {
	j.slots[i].pages = 0
	j.busy--
}

// countOut counts a run out at both donors.
func (j *copyJob) countOut(c *copier) {
	c.cfg.Pages.Done(j.slab, j.old.Epoch)
	c.cfg.Pages.Done(j.slab, j.moved.Epoch)
}
