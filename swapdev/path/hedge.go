package path

import (
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/uring"
)

// A read whose donor is late is read a second time, from the backing file if that has all
// that is missing. It goes into a spare buffer, because the donor may still write into the
// tag's. What comes first and is right counts. If that is the backing file's, the tag gets
// the spare buffer, and the donor's part keeps the tag's until it ends.
//
// A write whose donor is late is answered when the backing file has it, under every
// acknowledge policy: see acknowledgeEarly.

// passOverLate goes on without donors that are late.
func (q *queue) passOverLate() {
	for _, l := range q.links {
		q.passOver(l, &l.sent)
		q.passOver(l, &l.waiting)
	}
}

// passOver tries what waits in a line of a donor. What finds no buffer is tried again by
// the next call.
func (q *queue) passOver(l *link, line *line) {
	for id := line.first; id != nobody; id = q.parts.all[id].next {
		p := &q.parts.all[id]
		switch {
		case !l.pace.late(q.loop.Now()-p.begun, l.count):
			return // nor are those behind it
		case p.tag == nobody:
		case p.kind == readRemote && !q.readTwice(int(p.tag)),
			p.kind == writeRemote && q.requests[p.tag].backing == backingDone && !q.acknowledgeEarly(int(p.tag), q.lent.most):
			l.pace.holdsUp()
		}
	}
}

// readTwice reads from the backing file what the request still waits for, unless it does so
// already or the file does not have it. It is false if no buffer is free for that.
func (q *queue) readTwice(tag int) bool {
	r := &q.requests[tag]
	if r.spare != 0 {
		return true
	}
	first, end := q.lateRange(tag)
	if first == end {
		return true
	}
	buf, ok := q.borrow(q.lent.most)
	if !ok {
		return false
	}
	id, p := q.take(readTwice, tag, first, end-first)
	p.buf = int32(buf)
	r.spare, r.second = int32(buf)+1, id+1
	bytes := q.kernel.BufferAt(buf)[first*slabmap.PageSize : end*slabmap.PageSize]
	sqe := q.loop.SQE(q.class, uint64(id))
	sqe.ReadFixed(backingSlot, offheap.Pointer(bytes), uint32(len(bytes)), uint64((r.page+int64(first))*slabmap.PageSize), 0)
	sqe.Flags |= uring.FixedFile
	q.counts.BackingReads += uint64(end - first)
	q.counts.HedgedReads++
	return true
}

// lateRange returns the pages of a read that its donors have not brought yet, and those
// between them. The range is empty if the backing file cannot give one of them.
func (q *queue) lateRange(tag int) (first, end int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	for i := range states {
		s := &states[i]
		switch {
		case s.done, s.part != 0 && q.parts.all[s.part-1].kind == readBacking:
			continue
		case s.part == 0 || !q.backingHas(r.page+int64(i), s):
			return 0, 0
		}
		if end == 0 {
			first = i
		}
		end = i + 1
	}
	return first, end
}

// backingHas reports whether the backing file has what the request looks for in page.
func (q *queue) backingHas(page int64, s *pageState) bool {
	v := q.Pages.Look(page)
	return v.Place&^s.avoid&slabmap.Backing != 0 && !v.Writing && v.CRC == s.view.CRC
}

// comesTwice reports whether a second read of page i is under way.
func (q *queue) comesTwice(r *request, i int) bool {
	if r.second == 0 {
		return false
	}
	p := &q.parts.all[r.second-1]
	return i >= int(p.first) && i < int(p.first+p.pages)
}

// readTwiceDone takes up what was read a second time.
func (q *queue) readTwiceDone(p *part, ok bool) {
	if p.tag == nobody {
		q.letGo(int(p.buf))
		return
	}
	tag, some := int(p.tag), false
	r, states := &q.requests[tag], q.pagesOf(tag)
	r.second = 0
	bytes := q.kernel.BufferAt(int(p.buf))
	for i := int(p.first); i < int(p.first+p.pages); i++ {
		s := &states[i]
		if s.done || s.part != 0 && q.parts.all[s.part-1].kind == readBacking {
			continue // it was only between the others
		}
		q.check(r, i, s, bytes[i*slabmap.PageSize:(i+1)*slabmap.PageSize], slabmap.Backing, p.donor, ok)
		s.spare = s.done
		some = some || s.done
	}
	if !some {
		q.giveBack(int(p.buf))
		r.spare = 0
	}
	q.driveRead(tag)
}

// chooseBuffer gives the tag of a read that is to be answered the buffer with its pages,
// and sees to the other one.
func (q *queue) chooseBuffer(tag int) {
	r, states := &q.requests[tag], q.pagesOf(tag)
	buf, some := int(r.spare-1), false
	for i := range states {
		some = some || states[i].spare
	}
	switch {
	case r.second != 0: // the donors were faster
		q.orphan(r.second - 1)
		return
	case !some:
		q.giveBack(buf)
		return
	}
	q.counts.HedgedWins++
	fresh, last := q.kernel.BufferAt(buf), int32(0)
	for i := range states {
		if !states[i].spare {
			copy(fresh[i*slabmap.PageSize:], q.bytes(tag, i, i+1))
		}
	}
	old := q.kernel.Swap(tag, buf)
	for i := range states {
		if id := states[i].part; id != 0 && id != last {
			p := q.orphan(id - 1)
			r.times.remoteTook(q.loop.Now()-p.begun, p.donor)
			last = id
		}
	}
	if last == 0 {
		q.giveBack(old)
	}
}
