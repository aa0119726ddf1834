package mover

import (
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/verbs"
)

// The way of a page that does not match its checksum when it has come from the old donor, or that
// was not sealed by this device. Such a page must not be copied: its new donor would be blamed.
//
//  1. It is read from there once more: it may have been spoiled on its way.
//  2. Else it is read from the backing file, if that has it.
//  3. Else no good copy is left, and it is given up.

// mending is how far a run's bad pages are. They are mended one by one.
type mending struct {
	at    int  // the page that is looked at
	again bool // it was read once more
}

// check judges what was read: the whole run, or the page that was read once more.
func (j *copyJob) check(c *copier, i int) {
	slot := &j.slots[i]
	a, b := 0, slot.pages
	if slot.again {
		a, b = slot.at, slot.at+1
	}
	for n := a; n < b; n++ {
		slot.good[n] = j.judge(c, i, n, slabmap.Remote)
	}
}

// judge reports whether page n of a run is in the buffer as it should be, and takes note if it is
// not.
func (j *copyJob) judge(c *copier, i, n int, from slabmap.Place) (good bool) {
	page, v, bytes := j.slots[i].first+int64(n), &j.slots[i].views[n], c.bytes(j.first+i, n, n+1)
	switch {
	case slabmap.Checksum(bytes) != v.CRC:
		c.corrupt.Add(1)
		c.cfg.Notes.Corrupt(page, from, j.old.Donor)
		return false
	case c.sealer != nil && !c.sealer.Authentic(page, v.Seal, bytes):
		c.forged.Add(1)
		c.cfg.Notes.Forged(page, from, j.old.Donor)
		return false
	}
	return true
}

// mend looks for a better copy of the next page of a run that is bad, and has the run
// written when there is none to look for.
func (j *copyJob) mend(c *copier, i int) {
	for slot := &j.slots[i]; slot.at < slot.pages; slot.at, slot.again = slot.at+1, false {
		switch v := &slot.views[slot.at]; {
		case slot.good[slot.at]:
		case !slot.again:
			slot.again = true
			j.post(c, i, j.from, verbs.OpRead, j.old.Epoch, slot.at, slot.at+1)
			return
		case v.Place&slabmap.Backing != 0 && c.cfg.Backing != nil:
			j.load(c, i)
			return
		}
	}
	j.write(c, i)
}

// load reads the page that is looked at from the backing file.
func (j *copyJob) load(c *copier, i int) {
	slot := &j.slots[i]
	buf := c.bytes(j.first+i, slot.at, slot.at+1)
	sqe := c.loop.SQE(c.class, uint64(j.first+i))
	sqe.Read(c.cfg.Backing.FD(), offheap.Pointer(buf), uint32(len(buf)), uint64(slot.first+int64(slot.at))*slabmap.PageSize)
}

// loaded implements job.
func (j *copyJob) loaded(c *copier, slotOfAll int, res int32) {
	i := slotOfAll - j.first
	slot := &j.slots[i]
	if j.err != nil {
		j.abort(c, i)
		return
	}
	n := slot.at
	slot.good[n] = res == slabmap.PageSize && j.judge(c, i, n, slabmap.Backing)
	slot.at, slot.again = n+1, false
	j.mend(c, i)
}
