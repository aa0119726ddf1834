package swapdev

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/uring"
)

// driveWrite claims the pages in ascending order, which is why two writes
// never wait for each other, and then starts.
func (q *queue) driveWrite(tag int) {
	r := &q.requests[tag]
	for r.cursor < r.pages {
		if !q.pages.BeginWrite(r.page + int64(r.cursor)) {
			q.waitOrFail(tag)
			return
		}
		r.cursor++
	}
	if !q.acquireSlabs(r) && q.backing == nil {
		q.releaseSlabs(r)
		q.wantSlabs(r)
		q.waitOrFail(tag)
		return
	}
	q.startWrite(tag)
}

// wantSlabs asks for donors: activity is what the mapper goes by.
func (q *queue) wantSlabs(r *request) {
	last := q.pages.SlabOf(r.page + int64(r.pages) - 1)
	for slab := q.pages.SlabOf(r.page); slab <= last; slab++ {
		q.pages.Touch(slab, 1)
	}
	q.events.needMapping()
}

// waitOrFail parks a write that cannot start, for as long as it may wait.
func (q *queue) waitOrFail(tag int) {
	r := &q.requests[tag]
	if !q.overdue(r) {
		q.park(tag)
		return
	}
	q.abort(r)
	q.complete(tag, -int32(unix.EIO))
}

// abort gives up the claimed pages.
func (q *queue) abort(r *request) {
	for i := range r.cursor {
		q.pages.AbortWrite(r.page + int64(i))
	}
}

// acquireSlabs counts the write in at each of its slabs, and reports whether
// all of them are mapped to a donor that this queue reaches.
func (q *queue) acquireSlabs(r *request) bool {
	all := true
	last := q.pages.SlabOf(r.page + int64(r.pages) - 1)
	for slab := q.pages.SlabOf(r.page); slab <= last; slab++ {
		if s, ok := q.pages.Acquire(slab); ok {
			if q.links[s.Donor].ready() {
				r.held[r.holds] = hold{slab, s}
				r.holds++
				continue
			}
			q.pages.Done(slab, s.Epoch)
		}
		all = false
	}
	return all
}

func (q *queue) releaseSlabs(r *request) {
	for _, h := range r.held[:r.holds] {
		q.pages.Done(h.slab, h.at.Epoch)
	}
	r.holds = 0
}

// holdsSlab returns slab as it was when the write was counted in there, if it is.
func (r *request) holdsSlab(slab int) (slabmap.Slab, bool) {
	for _, h := range r.held[:r.holds] {
		if h.slab == slab {
			return h.at, true
		}
	}
	return slabmap.Slab{}, false
}

// startWrite sends the pages to their donors and to the backing file.
func (q *queue) startWrite(tag int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	r.started = true
	for i := range states {
		states[i].crc = slabmap.Checksum(q.bytes(tag, i, i+1))
	}
	if q.backing != nil {
		r.local = localBusy
		r.left++
		id, _ := q.takePart(writeBacking, tag, 0, r.pages)
		r.localPart = id
		sqe := q.loop.SQE(q.class, uint64(id))
		buf := q.bytes(tag, 0, r.pages)
		sqe.WriteFixed(backingSlot, offheap.Pointer(buf), uint32(len(buf)), uint64(r.page*slabmap.PageSize), 0)
		sqe.Flags |= uring.FixedFile
		q.counts.BackingWrites += uint64(r.pages)
	}
	for i := 0; i < r.pages; {
		slab := q.pages.SlabOf(r.page + int64(i))
		end := q.endOfSlab(r, slab)
		q.pages.Touch(slab, end-i)
		if at, ok := r.holdsSlab(slab); ok {
			q.sendRemote(tag, slab, at, i, end)
		} else {
			r.missing = true
			if q.pages.Hot(slab, q.hot) {
				q.events.needMapping()
			}
		}
		i = end
	}
}

// endOfSlab is the first page of the request that lies beyond slab.
func (q *queue) endOfSlab(r *request, slab int) int {
	_, end := q.pages.Geometry().PageRange(slab)
	return int(min(end-r.page, int64(r.pages)))
}

func (q *queue) sendRemote(tag, slab int, s slabmap.Slab, first, end int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	for i := first; i < end; i++ {
		states[i].epoch = s.Epoch
	}
	r.left++
	r.remoteLeft++
	id, p := q.takePart(writeRemote, tag, first, end-first)
	p.slab, p.donor, p.epoch = int32(slab), s.Donor, s.Epoch
	q.links[s.Donor].post(id)
	q.counts.RemoteWrites += uint64(end - first)
}

// remoteWritten ends a part that went to a donor.
func (q *queue) remoteWritten(p *part, ok bool) {
	tag := int(p.tag)
	r, states := &q.requests[tag], q.pagesOf(tag)
	r.left--
	r.remoteLeft--
	if !ok {
		r.missing = true
	}
	for i := p.first; i < p.first+p.pages; i++ {
		states[i].remote = ok
	}
	q.settleWrite(tag)
}

// localWritten ends the part that went to the backing file.
func (q *queue) localWritten(p *part, ok bool) {
	tag := int(p.tag)
	r := &q.requests[tag]
	r.left--
	r.local = localDone
	if !ok {
		r.local = localFailed
	}
	q.settleWrite(tag)
}

// settleWrite answers the write if its acknowledge policy is met, or nothing
// more can come.
func (q *queue) settleWrite(tag int) {
	r := &q.requests[tag]
	switch {
	case r.left == 0:
		q.endWrite(tag)
	case r.remoteLeft == 0 && !r.missing && r.local == localBusy && q.ack == RemoteFirst:
		q.acknowledge(tag)
	}
}

// endWrite answers a write of which no part is under way.
func (q *queue) endWrite(tag int) {
	r := &q.requests[tag]
	ok := r.local == localDone || !r.missing && q.ack == RemoteFirst
	if !ok {
		q.abort(r)
		q.releaseSlabs(r)
		q.complete(tag, -int32(unix.EIO))
		return
	}
	q.record(r, q.pagesOf(tag), slabmap.Written{Backing: r.local == localDone})
	q.releaseSlabs(r)
	q.complete(tag, int32(r.pages*slabmap.PageSize))
}

// acknowledge answers a write that all its donors have, while its buffer goes
// on to the backing file. Without a spare buffer the answer waits for the
// backing file: back-pressure.
func (q *queue) acknowledge(tag int) {
	r := &q.requests[tag]
	if !q.acked.room() {
		q.counts.BackPressure++
		return
	}
	buf, ok := q.front.Detach(tag)
	if !ok && q.ahead.shed() {
		buf, ok = q.front.Detach(tag)
	}
	if !ok {
		q.counts.BackPressure++
		return
	}
	p := q.backingPart(tag)
	p.kind, p.buf, p.page, p.seq = writeAcked, int32(buf), r.page, q.acked.begin()
	q.record(r, q.pagesOf(tag), slabmap.Written{Pending: true})
	q.releaseSlabs(r)
	q.complete(tag, int32(r.pages*slabmap.PageSize))
}

// record tells the map how each page of a write ended.
func (q *queue) record(r *request, states []pageState, w slabmap.Written) {
	for i := range states {
		s := &states[i]
		w.CRC, w.Remote, w.Epoch = s.crc, s.remote, s.epoch
		q.pages.EndWrite(r.page+int64(i), w)
	}
}

// ackedWritten ends the backing write of an answered request.
func (q *queue) ackedWritten(p *part, ok bool) {
	for i := range int64(p.pages) {
		q.pages.EndPending(p.page+i, ok)
	}
	q.front.Release(int(p.buf))
	q.acked.end(p.seq)
}
