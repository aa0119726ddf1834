package swapdev

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
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
	q.backingTook(&p, ok)
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

// backingTook takes down how long a part was. The request of a write that was answered
// has not waited for it.
func (q *queue) backingTook(p *part, ok bool) {
	took, of := q.loop.Now()-p.begun, ofBackingWrite
	switch p.kind {
	case syncBacking:
		return
	case readBacking:
		of = ofBackingRead
	}
	if ok {
		q.latency[of].Record(took)
	}
	if t := &q.requests[p.tag].times; p.kind != writeAcked {
		t.backing = max(t.backing, took)
	}
}
