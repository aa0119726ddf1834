package path

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
)

// The way of a write:
//
//  1. driveWrite claims the pages of the request in ascending order, so two writes never
//     wait for each other in a circle. A write that cannot claim a page is parked and goes
//     on from there.
//  2. acquireSlabs counts the write in at each of its slabs whose donor takes writes.
//     Without a backing file, or if that has just refused the write, all slabs need one;
//     wantSlabs asks for it.
//  3. sealPages seals each page and takes its checksum. startWrite has sendToBacking start
//     one part for the backing file, and sendToDonor post one part for each slab. The part
//     holds the slab until it ends. If the slab is moving, the request does from then on.
//  4. writtenAtDonor and writtenToBacking take up the ends of the parts; settleWrite looks
//     whether the acknowledge policy is met.
//  5. Under RemoteFirst, acknowledge answers the write once the donors have it. The buffer
//     stays in flight to the backing file, and the tag goes on with a spare one: no page
//     is copied. ackedWritten ends the backing write. If the backing file is first, or
//     under Strict if a donor is late, acknowledgeEarly answers, and the buffer stays in
//     flight to the donors: lateWritten.
//  6. Otherwise endWrite answers when no part is under way. A write that has no valid copy
//     keeps its pages, and is tried again at 2.
//  7. record tells the slab map which copies of each page count.

// driveWrite claims the pages, and then starts the write.
func (q *queue) driveWrite(tag int) {
	r := &q.requests[tag]
	r.excused, r.onItsWay = false, false
	for r.cursor < r.pages {
		page := r.page + int64(r.cursor)
		if !q.Pages.BeginWrite(page) {
			q.waitsFor(r, page)
			q.parkOrAbort(tag)
			return
		}
		r.cursor++
		r.since = q.loop.Now()
	}
	only := q.Backing == nil || r.again // donors alone can take it
	if !q.acquireSlabs(r, only) && only {
		q.releaseSlabs(r)
		q.wantSlabs(r)
		q.parkOrAbort(tag)
		return
	}
	if !r.again && !q.sealPages(tag) { // what is tried again is sealed
		q.abort(r)
		q.complete(tag, -int32(unix.EIO))
		return
	}
	q.startWrite(tag)
}

// parkOrAbort parks a write that cannot start, for as long as it may wait.
func (q *queue) parkOrAbort(tag int) {
	if r := &q.requests[tag]; q.overdue(r) {
		q.abort(r)
	}
	q.parkOrFail(tag)
}

// abort gives up the claimed pages.
func (q *queue) abort(r *request) {
	for i := range r.cursor {
		q.Pages.AbortWrite(r.page + int64(i))
	}
	q.releaseSlabs(r)
}

// acquireSlabs counts the write in at each of its slabs whose donor takes writes from this
// queue, and reports whether that is each of them. A donor that is late takes none, unless
// only says that nobody else can: a page that is on its way to it takes no other write. The
// pages are claimed: a donor whose barrier is not up has no earlier write of them that may
// still happen.
func (q *queue) acquireSlabs(r *request, only bool) bool {
	all := true
	last := q.Pages.SlabOf(r.page + int64(r.pages) - 1)
	for slab := q.Pages.SlabOf(r.page); slab <= last; slab++ {
		if s, ok := q.Pages.Acquire(slab); ok {
			l := q.links[s.Donor]
			takes := l.ready() && !q.Barrier.Up(s.Donor)
			if takes && (only || !l.late()) {
				r.held[r.holds] = hold{slab, s}
				r.holds++
				continue
			}
			q.Pages.Done(slab, s.Epoch)
			r.excused = r.excused || !takes
		}
		all = false
	}
	return all
}

func (q *queue) releaseSlabs(r *request) {
	for _, h := range r.held[:r.holds] {
		q.Pages.Done(h.slab, h.at.Epoch)
	}
	r.holds = 0
}

// wantSlabs asks for donors for the slabs that have none: who maps slabs goes by their
// activity.
func (q *queue) wantSlabs(r *request) {
	last := q.Pages.SlabOf(r.page + int64(r.pages) - 1)
	for slab := q.Pages.SlabOf(r.page); slab <= last; slab++ {
		if q.Pages.Slab(slab).State == slabmap.Unmapped {
			q.Pages.Touch(slab, 1)
			q.Notes.writeWaits()
		}
	}
}

// startWrite sends the pages to their donors and to the backing file.
func (q *queue) startWrite(tag int) {
	r := &q.requests[tag]
	if q.Backing != nil {
		q.sendToBacking(tag)
	}
	for i := 0; i < r.pages; {
		slab := q.Pages.SlabOf(r.page + int64(i))
		end := q.endOfSlab(r, slab)
		q.Pages.Touch(slab, end-i)
		if at, ok := r.holdsSlab(slab); ok {
			q.sendToDonor(tag, slab, at, i, end)
		} else if q.Pages.Hot(slab, q.Hot) {
			q.Notes.needMapping()
		}
		i = end
	}
	r.holds = 0
}

func (q *queue) sendToBacking(tag int) {
	r := &q.requests[tag]
	r.backing = backingBusy
	r.left++
	id, _ := q.take(writeBacking, tag, 0, r.pages)
	r.backingPart = id
	q.writeBacking(id, q.bytes(tag, 0, r.pages), r.page)
}

// sendToDonor sends pages first to before end, which lie in slab, to its donor.
func (q *queue) sendToDonor(tag, slab int, s slabmap.Slab, first, end int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	r.left++
	r.remoteLeft++
	id, p := q.take(writeRemote, tag, first, end-first)
	p.slab, p.donor, p.epoch, p.page = int32(slab), s.Donor, s.Epoch, r.page+int64(first)
	for i := first; i < end; i++ {
		states[i].epoch, states[i].part = s.Epoch, id+1
	}
	q.links[s.Donor].post(id)
	q.counts.RemoteWrites += uint64(end - first)
}

// writtenAtDonor ends a part that went to a donor, and reports whether the request holds
// the slab from now on. It does if it is not over and the slab is moving: if the move was
// aborted before the record, the next move would have the same epoch. Every other epoch
// comes once.
func (q *queue) writtenAtDonor(p *part, ok bool) (held bool) {
	tag := int(p.tag)
	r, states := &q.requests[tag], q.pagesOf(tag)
	slab := q.Pages.Slab(int(p.slab))
	ok = ok && q.Pages.Counts(int(p.slab), p.epoch)
	r.left--
	r.remoteLeft--
	if held = r.left > 0 && slab.State == slabmap.Migrating && slab.Epoch == p.epoch; held {
		r.held[r.holds] = hold{int(p.slab), slab}
		r.holds++
	}
	for i := p.first; i < p.first+p.pages; i++ {
		states[i].remote, states[i].part = ok, 0
	}
	q.settleWrite(tag)
	return held
}

// writtenToBacking ends the part that went to the backing file.
func (q *queue) writtenToBacking(p *part, ok bool) {
	tag := int(p.tag)
	r := &q.requests[tag]
	r.left--
	r.backing = backingDone
	if !ok {
		r.backing = backingFailed
	}
	q.settleWrite(tag)
}

// settleWrite answers the write if its acknowledge policy is met, or if nothing more can
// come.
func (q *queue) settleWrite(tag int) {
	r := &q.requests[tag]
	switch {
	case r.left == 0:
		q.endWrite(tag)
	case q.Ack == Strict:
	case r.backing == backingDone:
		q.acknowledgeEarly(tag, q.lent.early)
	case r.remoteLeft == 0 && r.backing == backingBusy && q.atDonors(tag):
		q.acknowledge(tag)
	}
}

// atDonors reports whether donors have all pages of the write, and still hold their slabs.
// A slab that was taken from its donor meanwhile has lost what this write brought there.
func (q *queue) atDonors(tag int) bool {
	r, states := &q.requests[tag], q.pagesOf(tag)
	for i := 0; i < r.pages; {
		slab := q.Pages.SlabOf(r.page + int64(i))
		if !states[i].remote || !q.Pages.Counts(slab, states[i].epoch) {
			return false
		}
		i = q.endOfSlab(r, slab)
	}
	return true
}

// acknowledge answers a write that all its donors have, while its buffer goes on to the
// backing file. Without a spare buffer the answer waits for the backing file: that is
// back-pressure.
func (q *queue) acknowledge(tag int) {
	r := &q.requests[tag]
	if !q.acked.room() {
		q.counts.BackPressure++
		return
	}
	buf, ok := q.kernel.Detach(tag)
	if !ok && q.shedRun() {
		buf, ok = q.kernel.Detach(tag)
	}
	if !ok {
		q.counts.BackPressure++
		return
	}
	p := &q.parts.all[r.backingPart]
	p.kind, p.tag, p.buf, p.page, p.seq = writeAcked, nobody, int32(buf), r.page, q.acked.begin()
	q.record(tag, slabmap.Written{Pending: true})
	q.complete(tag, int32(r.pages*slabmap.PageSize))
}

// ackedWritten ends the backing write of an answered request. One that has failed goes on
// if no donor has the pages any more.
func (q *queue) ackedWritten(p *part, ok bool) {
	if !ok && q.keep(p) {
		return
	}
	for i := range int64(p.pages) {
		q.Pages.EndPending(p.page+i, ok)
	}
	q.kernel.Release(int(p.buf))
	q.acked.end(p.seq)
}

// acknowledgeEarly answers a write that the backing file has, while its buffer goes on to
// donors. The next write of its pages waits for those: two writes of a page on their way to
// one donor have no order. If most buffers are lent, or none is spare, the answer waits, too:
// then acknowledgeEarly is false.
func (q *queue) acknowledgeEarly(tag, most int) bool {
	r, states := &q.requests[tag], q.pagesOf(tag)
	fresh, ok := q.borrow(most)
	if !ok {
		return false
	}
	last := int32(0)
	for i := range states {
		s := &states[i]
		if s.part != 0 && s.part != last {
			q.orphan(s.part - 1).kind = writeLate
			last = s.part
		}
		q.Pages.EndWrite(r.page+int64(i), slabmap.Written{
			CRC: s.crc, Seal: s.seal, Backing: true, Pending: s.part != 0, Remote: s.remote, Epoch: s.epoch,
		})
	}
	q.releaseSlabs(r)
	q.kernel.Swap(tag, fresh)
	q.complete(tag, int32(r.pages*slabmap.PageSize))
	return true
}

// lateWritten ends a part that went to a donor after its request was answered.
func (q *queue) lateWritten(p *part, ok bool) {
	for i := range int64(p.pages) {
		q.Pages.EndRestore(p.page+i, slabmap.Restored{Remote: ok, Epoch: p.epoch})
	}
	q.letGo(int(p.buf))
}

// endWrite answers a write of which no part is under way, if it has the copies that the
// acknowledge policy asks for.
func (q *queue) endWrite(tag int) {
	r := &q.requests[tag]
	switch {
	case r.backing == backingDone || q.Ack == RemoteFirst && q.atDonors(tag):
		q.record(tag, slabmap.Written{Backing: r.backing == backingDone})
		q.complete(tag, int32(r.pages*slabmap.PageSize))
	case q.Ack == RemoteFirst:
		q.writeAgain(tag)
	default: // the backing file has refused one of the two copies
		q.abort(r)
		q.complete(tag, -int32(unix.EIO))
	}
}

// writeAgain has a write tried again of which no copy has come to be. It keeps its pages: a
// donor may still carry the failed one out, until its barrier is down.
func (q *queue) writeAgain(tag int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	if !r.again {
		r.again, r.since = true, q.loop.Now()
	}
	r.backing, r.excused = backingNone, false
	for i := range states {
		states[i].remote = false
	}
	q.releaseSlabs(r)
	q.parkOrAbort(tag)
}

// record tells the map how each page of a write ended.
func (q *queue) record(tag int, w slabmap.Written) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	for i := range states {
		s := &states[i]
		w.CRC, w.Seal, w.Remote, w.Epoch = s.crc, s.seal, s.remote, s.epoch
		q.Pages.EndWrite(r.page+int64(i), w)
	}
	q.releaseSlabs(r)
}
