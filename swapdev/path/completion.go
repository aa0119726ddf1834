package path

import "github.com/farswap/farswap/slabmap"

// remoteEnded takes up the end of a part that was posted on a link.
func (q *queue) remoteEnded(l *link, id int32, ok bool) {
	p := q.parts.all[id]
	q.parts.release(id)
	if p.kind == prefetch { // longer than what requests ask for: no measure of a donor
		q.runArrived(&p, ok)
		return
	}
	took := q.loop.Now() - p.begun
	if p.tag != nobody {
		q.requests[p.tag].times.remoteTook(took, l.donor)
	}
	if ok {
		l.latency.Record(took)
		of := ofRemoteWrite
		if p.kind == readRemote {
			of = ofRemoteRead
			l.reads.Record(took)
		}
		q.latency[of].Record(took)
	}
	switch {
	case p.kind == writeRemote:
		if q.writtenAtDonor(&p, ok) {
			return
		}
	case p.kind == writeLate:
		q.lateWritten(&p, ok)
	case p.tag == nobody:
		q.letGo(int(p.buf))
	default:
		q.readDone(&p, slabmap.Remote, ok)
	}
	// After the record of a write: then the record counts, whoever wants the slab.
	q.Pages.Done(int(p.slab), p.epoch)
}

// backingEnded takes up an answer of the backing file. A short answer is a failure: nobody
// knows what is missing.
func (q *queue) backingEnded(id, res int32) {
	p := q.parts.all[id]
	q.parts.release(id)
	ok := res == p.pages*slabmap.PageSize
	q.Backing.health.ended(operationOf(p.kind), ok)
	if !ok {
		q.counts.BackingErrors++
		q.Notes.backingFailed(p.kind, res)
	}
	q.backingTook(&p, ok)
	switch p.kind {
	case readBacking:
		q.readDone(&p, slabmap.Backing, ok)
	case readTwice:
		q.readTwiceDone(&p, ok)
	case writeBacking:
		q.writtenToBacking(&p, ok)
	case writeAcked, writeKept:
		q.ackedWritten(&p, ok)
	case syncBacking:
		q.synced(&p, ok)
	}
}

// operationOf is what a part does to the backing file.
func operationOf(kind partKind) operation {
	if kind == readBacking || kind == readTwice {
		return reading
	}
	return writing
}

// backingTook records how long a part was. A request that was answered without it has not
// waited for it.
func (q *queue) backingTook(p *part, ok bool) {
	took, of := q.loop.Now()-p.begun, ofBackingWrite
	switch p.kind {
	case syncBacking, writeKept:
		return
	case readBacking, readTwice:
		of = ofBackingRead
	}
	if ok {
		q.latency[of].Record(took)
	}
	if p.tag != nobody {
		t := &q.requests[p.tag].times
		t.backing = max(t.backing, took)
	}
}
