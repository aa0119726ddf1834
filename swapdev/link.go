package swapdev

import (
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/verbs"
)

// link is a queue's connection to one donor, and the line of parts that wait
// for room on it. It belongs to the queue's thread.
type link struct {
	q     *queue
	donor uint16
	qp    verbs.QP // nil: not connected
	up    bool     // takes operations

	first, last int32 // parts that wait to be posted
	gone        chan<- struct{}
	lost        chan<- error      // tells the donor's goroutine once per connection
	latency     loghist.Histogram // of parts that succeeded
	reads       loghist.Histogram // of reads alone: what the placement judges a donor by
	wr          verbs.WR
}

func newLink(q *queue, donor uint16) *link {
	return &link{q: q, donor: donor, first: nobody, last: nobody}
}

// ready reports whether operations can be posted. A link that is not keeps
// nobody waiting: reads and writes go to the backing file.
func (l *link) ready() bool { return l.up && l.qp.State() == verbs.StateReady }

// attach takes a connection over. lost gets the reason when it fails. A queue
// that closes takes none: it has looked at this link already.
func (l *link) attach(conn verbs.Conn, lost chan<- error) error {
	if l.q.closing {
		return verbs.ErrClosed
	}
	qp, err := conn.Attach(l.q.loop, l.poll)
	if err != nil {
		return err
	}
	l.qp, l.up, l.lost = qp, true, lost
	return nil
}

// drop ends the connection; gone is closed when nothing of it is left.
func (l *link) drop(gone chan<- struct{}) {
	if l.qp == nil {
		close(gone)
		return
	}
	l.up = false
	l.gone = gone
	l.qp.Fail(nil)
}

// abandon is drop at the end of the loop, when nothing can be outstanding: the
// passes let poll see the end.
func (l *link) abandon() {
	if l.qp == nil {
		return
	}
	l.up = false
	l.qp.Fail(nil)
	for i := 0; l.qp != nil && i < abandonPasses; i++ {
		if l.q.loop.Pass(tickInterval) != nil {
			break
		}
	}
}

// abandonPasses times tickInterval is how long the end of a loop waits for a
// connection: it is shut down, so the kernel has nothing to wait for.
const abandonPasses = 100

func (l *link) close() {
	l.qp = nil
	if l.gone != nil {
		close(l.gone)
		l.gone = nil
	}
}

// post puts a part in line; the coming doorbell sends it.
func (l *link) post(id int32) {
	if l.first == nobody {
		l.first = id
	} else {
		l.q.parts[l.last].next = id
	}
	l.last = id
}

func (l *link) next() int32 {
	id := l.first
	l.first = l.q.parts[id].next
	l.q.parts[id].next = nobody
	return id
}

// poll takes up what has completed, and the end of a connection.
func (l *link) poll() {
	if l.qp == nil {
		return
	}
	for {
		n := l.qp.Poll(l.q.completions[:])
		for _, c := range l.q.completions[:n] {
			l.done(int32(c.ID), c.Status == verbs.StatusOK)
		}
		if n < len(l.q.completions) {
			break
		}
	}
	if l.qp.State() == verbs.StateReady {
		return
	}
	if l.up {
		l.up = false
		select {
		case l.lost <- l.qp.Err():
		default: // the donor's goroutine knows already
		}
	}
	if l.qp.Outstanding() == 0 && l.qp.Close() == nil {
		l.close()
	}
}

// doorbell posts the line and has it sent. It reports whether something is
// outstanding, so that deadlines are looked at.
func (l *link) doorbell() bool {
	for l.first != nobody {
		if !l.ready() {
			l.done(l.next(), false)
			continue
		}
		l.request(l.first)
		if err := l.qp.Post(&l.wr); err != nil {
			if l.qp.Outstanding() > 0 && l.ready() {
				break // full: goes on when something has completed
			}
			l.done(l.next(), false)
			continue
		}
		l.next()
	}
	if l.qp == nil {
		return false
	}
	l.qp.Doorbell()
	return l.qp.Outstanding() > 0
}

// request fills in the work request of a part.
func (l *link) request(id int32) {
	p := &l.q.parts[id]
	start, _ := l.q.pages.Geometry().PageRange(int(p.slab))
	op := verbs.OpRead
	if p.kind == writeRemote {
		op = verbs.OpWrite
	}
	page, local := l.q.memory(p)
	l.wr = verbs.WR{
		ID: uint64(id), Op: op, Local: local,
		Remote: uint64(page-start) * slabmap.PageSize,
		Key:    l.q.keys.get(int(p.slab), p.epoch),
	}
}

// memory is a remote part's first page, and its bytes in the arena.
func (q *queue) memory(p *part) (page int64, local []byte) {
	if p.kind == prefetch {
		return p.page, q.front.BufferAt(int(p.buf))[:p.pages*slabmap.PageSize]
	}
	return q.requests[p.tag].page + int64(p.first), q.bytes(int(p.tag), int(p.first), int(p.first+p.pages))
}

// done ends a part.
func (l *link) done(id int32, ok bool) {
	q := l.q
	p := q.parts[id]
	q.freeThe(id)
	if p.kind == prefetch { // longer than what requests ask for: no measure of a donor
		q.ahead.arrived(&p, ok)
		q.pages.Done(int(p.slab), p.epoch)
		return
	}
	took := q.loop.Now() - p.begun
	q.requests[p.tag].times.remoteTook(took, l.donor)
	if ok {
		l.latency.Record(took)
		of := ofRemoteRead
		if p.kind == writeRemote {
			of = ofRemoteWrite
		} else {
			l.reads.Record(took)
		}
		q.latency[of].Record(took)
	}
	if p.kind == writeRemote {
		q.remoteWritten(&p, ok)
		return
	}
	q.readDone(&p, slabmap.Remote, ok)
	q.pages.Done(int(p.slab), p.epoch)
}

func (l *link) tick(now int64) {
	if l.qp != nil {
		l.qp.Tick(now)
	}
}
