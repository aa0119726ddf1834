package swapdev

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/uring"
)

// source is where a page's bytes can be had now.
type source uint8

const (
	fromNowhere source = iota // never written: zeros
	fromRemote
	fromBacking
	notYet // a write is under way, or its donor is being given up
	gone   // no good copy is left
)

// driveRead starts parts for all pages that are neither read nor on their way,
// and answers when every page is there.
func (q *queue) driveRead(tag int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	waits := false
	r.fetched = false
	for i := 0; i < r.pages; {
		s := &states[i]
		if s.done || s.inFlight {
			i++
			continue
		}
		switch src := q.locate(r, states, i); src {
		case fromNowhere:
			clear(q.bytes(tag, i, i+1))
			s.done = true
			q.counts.ZeroReads++
			i++
		case fromRemote:
			i = q.readRemote(tag, i, &waits)
		case fromBacking:
			i = q.readRun(tag, i, src, &waits)
		case notYet:
			waits = true
			i++
		case gone:
			r.errno = unix.EIO
			s.done = true
			i++
		}
	}
	switch {
	case r.left > 0:
	case waits && !q.overdue(r):
		q.park(tag)
	case waits:
		q.complete(tag, -int32(unix.EIO))
	case r.errno != 0:
		q.complete(tag, -int32(r.errno))
	default:
		q.complete(tag, int32(r.pages*slabmap.PageSize))
	}
}

// locate looks page i of the request up, and keeps what it saw. When every copy was bad
// they are read once more: it may have been the way.
func (q *queue) locate(r *request, states []pageState, i int) source {
	s := &states[i]
	v := q.pages.Look(r.page + int64(i))
	s.view = v
	usable := v.Place &^ s.avoid
	switch {
	case v.Writing:
		return notYet
	case v.Zeros():
		return fromNowhere
	case usable&slabmap.Remote != 0 && q.reaches(r.page+int64(i), v.Old):
		return fromRemote
	case usable&slabmap.Backing != 0:
		return fromBacking
	case usable != 0 || v.Pending:
		return notYet
	case s.avoid != 0 && !s.again:
		s.again, s.avoid = true, 0
		return q.locate(r, states, i)
	}
	return gone
}

// reaches reports whether this queue has a connection to the donor of page, or to
// the one that its slab is moving away from.
func (q *queue) reaches(page int64, old bool) bool {
	slab := q.pages.SlabOf(page)
	if old {
		donor, ok := q.pages.OldDonor(slab)
		return ok && q.links[donor].ready()
	}
	return q.links[q.pages.Slab(slab).Donor].ready()
}

// acquireRead counts a read in where its page was seen.
func (q *queue) acquireRead(slab int, v slabmap.View) (held slabmap.Slab, ok bool) {
	if v.Old {
		held, ok = q.pages.AcquireOld(slab)
	} else {
		held, ok = q.pages.AcquireRead(slab)
	}
	if ok && held.Epoch != v.RemoteEpoch() {
		q.pages.Done(slab, held.Epoch)
		return held, false
	}
	return held, ok
}

// readRemote takes page i from what was fetched ahead, has the request wait if it is on
// its way, or starts a part for it and those after it. It returns the first page after.
func (q *queue) readRemote(tag, i int, waits *bool) int {
	r, s := &q.requests[tag], &q.pagesOf(tag)[i]
	page := r.page + int64(i)
	taken, coming := q.ahead.take(page, s.view, q.bytes(tag, i, i+1))
	switch {
	case taken:
		s.done = true
		q.pages.Touch(q.pages.SlabOf(page), 1)
		q.counts.RemoteReads++
		q.counts.PrefetchHits++
	case coming != nil:
		r.fetched, r.fetcher = true, coming.donor
		*waits = true
	default:
		return q.readRun(tag, i, fromRemote, waits)
	}
	return i + 1
}

// readRun starts one part for the pages from i on that have the same source,
// and within one slab if that is a donor. It returns the first page after.
func (q *queue) readRun(tag, i int, src source, waits *bool) int {
	r, states := &q.requests[tag], q.pagesOf(tag)
	limit, slab := r.pages, -1
	var held slabmap.Slab
	if src == fromRemote {
		slab = q.pages.SlabOf(r.page + int64(i))
		limit = q.endOfSlab(r, slab)
		var ok bool
		if held, ok = q.acquireRead(slab, states[i].view); !ok {
			*waits = true // it has just left: look again in the next pass
			return i + 1
		}
	}
	end := i + 1
	for end < limit && !states[end].done && !states[end].inFlight && q.locate(r, states, end) == src &&
		(src == fromBacking || states[end].view.RemoteEpoch() == held.Epoch) {
		end++
	}
	for j := i; j < end; j++ {
		states[j].inFlight = true
	}
	r.left++
	if src == fromRemote {
		id, p := q.takePart(readRemote, tag, i, end-i)
		p.slab, p.donor, p.epoch = int32(slab), held.Donor, held.Epoch
		q.pages.Touch(slab, end-i)
		q.links[held.Donor].post(id)
		q.counts.RemoteReads += uint64(end - i)
		return end
	}
	q.readLocal(tag, i, end)
	return end
}

func (q *queue) readLocal(tag, i, end int) {
	r := &q.requests[tag]
	id, _ := q.takePart(readBacking, tag, i, end-i)
	buf := q.bytes(tag, i, end)
	sqe := q.loop.SQE(q.class, uint64(id))
	sqe.ReadFixed(backingSlot, offheap.Pointer(buf), uint32(len(buf)), uint64((r.page+int64(i))*slabmap.PageSize), 0)
	sqe.Flags |= uring.FixedFile
	for j := i; j < end; {
		slab := q.pages.SlabOf(r.page + int64(j))
		next := min(end, q.endOfSlab(r, slab))
		q.pages.Touch(slab, next-j)
		j = next
	}
	q.counts.BackingReads += uint64(end - i)
}

// readDone takes up what a part has read: every page is checked before the
// kernel sees it.
func (q *queue) readDone(p *part, from slabmap.Place, ok bool) {
	tag := int(p.tag)
	r, states := &q.requests[tag], q.pagesOf(tag)
	for i := int(p.first); i < int(p.first+p.pages); i++ {
		s := &states[i]
		s.inFlight = false
		switch {
		case ok && slabmap.Checksum(q.bytes(tag, i, i+1)) == s.view.CRC:
			s.done = true
		case !q.pages.Same(r.page+int64(i), s.view):
			s.avoid = 0 // it was written meanwhile: look again
		default:
			s.avoid |= from
			if ok {
				q.counts.Corrupt++
				q.events.corrupt(r.page+int64(i), from, p.donor)
			}
		}
	}
	r.left--
	if r.left == 0 {
		q.driveRead(tag)
	}
}
