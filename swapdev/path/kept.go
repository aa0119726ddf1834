package path

import (
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/uring"
)

// A write that was answered when its donor had it lies in a buffer until the backing file
// has it. If the donor is lost meanwhile, and then the backing write fails, the buffer has
// the only copy of its pages. It is kept, and written again every tickInterval. Readers of
// the pages wait, and so do flushes. A file that refuses the pages for as long as a request
// has patience loses them: the buffer cannot stay for ever, and neither can the device.

// keep keeps the buffer of a failed backing write of an answered request, if it is the only
// copy of a page of it.
func (q *queue) keep(p *part) bool {
	begun := q.loop.Now()
	if p.kind == writeKept {
		begun = p.begun
	}
	if q.loop.Now()-begun > int64(q.Patience) || !q.onlyCopy(p) {
		return false
	}
	id, kept := q.parts.take(writeKept, int(nobody), 0, int(p.pages), int(p.buf), begun)
	kept.page, kept.seq = p.page, p.seq
	q.kept.push(&q.parts, id)
	return true
}

// onlyCopy reports whether a page of a pending backing write is at no donor.
func (q *queue) onlyCopy(p *part) bool {
	for i := range int64(p.pages) {
		if q.Pages.Look(p.page+i).Place == slabmap.None {
			return true
		}
	}
	return false
}

// writeKept writes again what is kept.
func (q *queue) writeKept() {
	for !q.kept.empty() {
		id := q.kept.pop(&q.parts)
		p := &q.parts.all[id]
		q.writeBacking(id, q.kernel.BufferAt(int(p.buf))[:p.pages*slabmap.PageSize], p.page)
	}
}

// writeBacking writes the bytes of a part to the backing file, from page on.
func (q *queue) writeBacking(id int32, bytes []byte, page int64) {
	sqe := q.loop.SQE(q.class, uint64(id))
	sqe.WriteFixed(backingSlot, offheap.Pointer(bytes), uint32(len(bytes)), uint64(page*slabmap.PageSize), 0)
	sqe.Flags |= uring.FixedFile
	q.counts.BackingWrites += uint64(len(bytes) / slabmap.PageSize)
}
