package path

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/uring"
)

// The way of a read:
//
//  1. driveRead goes through the pages of the request that are neither read nor on their
//     way.
//  2. locate looks each page up in the slab map, which says where a good copy is. A page
//     that was never written is zeros, without I/O. A page that is being written waits.
//  3. readRemote takes the page from what was fetched ahead, if it is there.
//  4. Otherwise readRun makes one part of the pages that follow with the same source:
//     readFromDonor counts it in at its slab and posts it on the donor's link,
//     readFromBacking reads the backing file.
//  5. readDone checks every page that has come against its checksum, and opens it. A bad
//     page is looked up again, without the copy that was bad; when every copy was bad, all
//     are tried once more, because the page may have been spoiled on the way.
//  6. When no part is left, driveRead starts again at 1, and answers once every page is
//     there. A page whose donor is suspended, and which is nowhere else, waits.
//
// hedge.go reads a second time what a donor is late with.

// source is where a page's bytes can be had now.
type source uint8

const (
	fromNowhere source = iota // never written: zeros
	fromRemote
	fromBacking
	notYet     // a write is under way
	notYetHere // its donor is suspended, or it lies in a buffer of a write: however long that takes
	gone       // no good copy is left
)

// driveRead starts parts for all pages that are neither read nor on their way, and answers
// when every page is there.
func (q *queue) driveRead(tag int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	waits := false
	r.onItsWay, r.excused = false, false
	for i := 0; i < r.pages; {
		s := &states[i]
		if s.done || s.part != 0 || q.comesTwice(r, i) {
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
		case notYet, notYetHere:
			waits = true
			r.excused = r.excused || src == notYetHere
			i++
		case gone:
			r.errno = unix.EIO
			s.done = true
			i++
		}
	}
	switch {
	case (r.left > 0 || r.second != 0) && !(r.spare != 0 && allDone(states)):
	case waits && !q.overdue(r):
		q.park(tag)
	default:
		if waits {
			r.errno = unix.EIO
		}
		q.answerRead(tag)
	}
}

func allDone(states []pageState) bool {
	for i := range states {
		if !states[i].done {
			return false
		}
	}
	return true
}

// answerRead answers a read of which nothing more is to come.
func (q *queue) answerRead(tag int) {
	r := &q.requests[tag]
	if r.spare != 0 {
		q.chooseBuffer(tag)
	}
	if r.errno != 0 {
		q.complete(tag, -int32(r.errno))
		return
	}
	q.complete(tag, int32(r.pages*slabmap.PageSize))
}

// locate looks page i of the request up, and keeps what it saw.
func (q *queue) locate(r *request, states []pageState, i int) source {
	s, page := &states[i], r.page+int64(i)
	v := q.Pages.Look(page)
	s.view = v
	usable := v.Place &^ s.avoid
	switch {
	case v.Writing && q.suspended(q.Pages.SlabOf(page)):
		return notYetHere
	case v.Writing:
		return notYet
	case v.Zeros():
		return fromNowhere
	case usable&slabmap.Remote != 0 && q.wantsRemote(page, v.Old, usable&slabmap.Backing != 0):
		return fromRemote
	case usable&slabmap.Backing != 0:
		return fromBacking
	case usable != 0 || v.Pending:
		return notYetHere
	case s.avoid != 0 && !s.again:
		s.again, s.avoid = true, 0
		return q.locate(r, states, i)
	}
	return gone
}

// readRemote takes page i from what was fetched ahead. If the page is on its way, the
// request waits for it. Otherwise readRemote starts a part for it and the pages after it.
// It returns the first page after those that it has dealt with.
func (q *queue) readRemote(tag, i int, waits *bool) int {
	r, s := &q.requests[tag], &q.pagesOf(tag)[i]
	page := r.page + int64(i)
	taken, coming := q.takeAhead(page, s.view, q.bytes(tag, i, i+1))
	switch {
	case taken:
		s.done = true
		q.Pages.Touch(q.Pages.SlabOf(page), 1)
		q.counts.RemoteReads++
		q.counts.PrefetchHits++
	case coming != nil:
		r.onItsWay, r.donor = true, coming.donor
		*waits = true
	default:
		return q.readRun(tag, i, fromRemote, waits)
	}
	return i + 1
}

// readRun starts one part for the pages from i on that have the same source, and within
// one slab if that is a donor. It returns the first page after them.
func (q *queue) readRun(tag, i int, src source, waits *bool) int {
	r, states := &q.requests[tag], q.pagesOf(tag)
	limit, slab := r.pages, -1
	var held slabmap.Slab
	if src == fromRemote {
		slab = q.Pages.SlabOf(r.page + int64(i))
		limit = q.endOfSlab(r, slab)
		var ok bool
		if held, ok = q.acquireRead(slab, states[i].view); !ok {
			*waits = true // the page has just left: look again in the next pass
			return i + 1
		}
	}
	end := i + 1
	for end < limit && !states[end].done && states[end].part == 0 && !q.comesTwice(r, end) && q.locate(r, states, end) == src &&
		(src == fromBacking || states[end].view.RemoteEpoch() == held.Epoch) {
		end++
	}
	r.left++
	var id int32
	if src == fromRemote {
		id = q.readFromDonor(tag, i, end, slab, held)
	} else {
		id = q.readFromBacking(tag, i, end)
	}
	for j := i; j < end; j++ {
		states[j].part = id + 1
	}
	return end
}

// readFromDonor posts pages i to before end on the link of their donor.
func (q *queue) readFromDonor(tag, i, end, slab int, held slabmap.Slab) int32 {
	id, p := q.take(readRemote, tag, i, end-i)
	p.slab, p.donor, p.epoch, p.page = int32(slab), held.Donor, held.Epoch, q.requests[tag].page+int64(i)
	q.Pages.Touch(slab, end-i)
	q.links[held.Donor].post(id)
	q.counts.RemoteReads += uint64(end - i)
	return id
}

// readFromBacking reads pages i to before end from the backing file.
func (q *queue) readFromBacking(tag, i, end int) int32 {
	r := &q.requests[tag]
	id, _ := q.take(readBacking, tag, i, end-i)
	buf := q.bytes(tag, i, end)
	sqe := q.loop.SQE(q.class, uint64(id))
	sqe.ReadFixed(backingSlot, offheap.Pointer(buf), uint32(len(buf)), uint64((r.page+int64(i))*slabmap.PageSize), 0)
	sqe.Flags |= uring.FixedFile
	for j := i; j < end; {
		slab := q.Pages.SlabOf(r.page + int64(j))
		next := min(end, q.endOfSlab(r, slab))
		q.Pages.Touch(slab, next-j)
		j = next
	}
	q.counts.BackingReads += uint64(end - i)
	return id
}

// readDone takes up what a part has read.
func (q *queue) readDone(p *part, from slabmap.Place, ok bool) {
	tag := int(p.tag)
	r, states := &q.requests[tag], q.pagesOf(tag)
	for i := int(p.first); i < int(p.first+p.pages); i++ {
		s := &states[i]
		s.part = 0
		if !s.done { // else the second read was faster
			q.check(r, i, s, q.bytes(tag, i, i+1), from, p.donor, ok)
		}
	}
	r.left--
	if r.left == 0 || r.spare != 0 {
		q.driveRead(tag)
	}
}

// check judges what has come of page i, before the kernel sees it. A connection that has
// failed says nothing about the donor's copy.
func (q *queue) check(r *request, i int, s *pageState, bytes []byte, from slabmap.Place, donor uint16, ok bool) {
	page, matches := r.page+int64(i), ok && slabmap.Checksum(bytes) == s.view.CRC
	switch {
	case matches && q.opens(page, &s.view, bytes):
		s.done = true
		r.since = q.loop.Now()
	case !q.Pages.Same(page, s.view):
		s.avoid = 0 // it was written meanwhile: look again
	case ok:
		s.avoid |= from
		q.foundBad(page, &s.view, from, donor, matches)
	case from == slabmap.Backing:
		s.avoid |= from
		q.Notes.leaveBad(page, from)
	case q.links[donor].ready():
		s.avoid |= from
	}
}
