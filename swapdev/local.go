package swapdev

import (
	"golang.org/x/sys/unix"

	"farswap/slabmap"
)

// backingPart is the part of a write that goes to the backing file.
func (q *queue) backingPart(tag int) *part { return &q.parts[q.requests[tag].localPart] }

// backingDone takes up an answer of the backing file. A short answer is a
// failure: what is missing is not known.
func (q *queue) backingDone(id, res int32) {
	p := q.parts[id]
	q.freeThe(id)
	ok := res == p.pages*slabmap.PageSize
	if !ok {
		q.counts.BackingErrors++
		if p.kind != readBacking {
			q.backingFailed.Store(true)
		}
		q.events.backingFailed(p.kind, res)
	}
	switch p.kind {
	case readBacking:
		q.readDone(&p, slabmap.Backing, ok)
	case writeBacking:
		q.localWritten(&p, ok)
	case writeAcked:
		q.ackedWritten(&p, ok)
	case syncBacking:
		if ok {
			q.complete(int(p.tag), 0)
		} else {
			q.complete(int(p.tag), -int32(unix.EIO))
		}
	}
}
