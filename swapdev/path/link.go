package path

import (
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// link is a queue's connection to one donor, and the line of parts that wait for room on
// it. It belongs to the queue's thread.
type link struct {
	*Shared
	kernel *ublk.Queue
	loop   *uring.Loop
	parts  *parts
	done   *[64]verbs.Completion            // where completions are taken up; links share it
	ended  func(l *link, id int32, ok bool) // takes up the end of a part

	donor uint16
	qp    verbs.QP // nil: not connected
	up    bool     // takes operations

	first, last int32 // parts that wait to be posted
	gone        chan<- struct{}
	lost        chan<- error      // hears once per connection why it failed
	latency     loghist.Histogram // of parts that succeeded
	reads       loghist.Histogram // of reads alone: what the placement judges a donor by
	wr          verbs.WR
}

// ready reports whether operations can be posted. Nobody waits for a link that is not
// ready: reads and writes go to the backing file.
func (l *link) ready() bool { return l.up && l.qp.State() == verbs.StateReady }

// attach takes over a connection. When the connection fails, lost gets the reason.
func (l *link) attach(conn verbs.Conn, lost chan<- error) error {
	qp, err := conn.Attach(l.loop, l.poll)
	if err != nil {
		return err
	}
	l.qp, l.up, l.lost = qp, true, lost
	return nil
}

// drop ends the connection, and closes gone when nothing of it is left.
func (l *link) drop(gone chan<- struct{}) {
	if l.qp == nil {
		close(gone)
		return
	}
	l.up = false
	l.gone = gone
	l.qp.Fail(nil)
}

// abandon is drop at the end of the loop, when nothing can be outstanding. The passes let
// poll see the end.
func (l *link) abandon() {
	if l.qp == nil {
		return
	}
	l.up = false
	l.qp.Fail(nil)
	for i := 0; l.qp != nil && i < abandonPasses; i++ {
		if l.loop.Pass(tickInterval) != nil {
			break
		}
	}
}

// abandonPasses times tickInterval is how long the end of a loop waits for a connection.
// The connection is shut down, so the kernel has nothing to wait for.
const abandonPasses = 100

func (l *link) close() {
	l.qp = nil
	if l.gone != nil {
		close(l.gone)
		l.gone = nil
	}
}

// post puts a part in line. The coming doorbell sends it.
func (l *link) post(id int32) {
	if l.first == nobody {
		l.first = id
	} else {
		l.parts.all[l.last].next = id
	}
	l.last = id
}

func (l *link) next() int32 {
	id := l.first
	l.first = l.parts.all[id].next
	l.parts.all[id].next = nobody
	return id
}

// poll takes up what has completed, and the end of a connection.
func (l *link) poll() {
	if l.qp == nil {
		return
	}
	for {
		n := l.qp.Poll(l.done[:])
		for _, c := range l.done[:n] {
			l.ended(l, int32(c.ID), c.Status == verbs.StatusOK)
		}
		if n < len(l.done) {
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

// doorbell posts the line and sends it. It reports whether something is outstanding, so
// that deadlines are looked at.
func (l *link) doorbell() bool {
	for l.first != nobody {
		if !l.ready() {
			l.ended(l, l.next(), false)
			continue
		}
		l.request(l.first)
		if err := l.qp.Post(&l.wr); err != nil {
			if l.qp.Outstanding() > 0 && l.ready() {
				break // full: the rest goes when something has completed
			}
			l.ended(l, l.next(), false)
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
	p := &l.parts.all[id]
	start, _ := l.Pages.Geometry().PageRange(int(p.slab))
	op := verbs.OpRead
	if p.kind == writeRemote {
		op = verbs.OpWrite
	}
	l.wr = verbs.WR{
		ID: uint64(id), Op: op, Local: l.memory(p),
		Remote: uint64(p.page-start) * slabmap.PageSize,
		Key:    l.Keys.Get(int(p.slab), p.epoch),
	}
}

// memory is the bytes of a remote part in the arena.
func (l *link) memory(p *part) []byte {
	if p.kind == prefetch {
		return l.kernel.BufferAt(int(p.buf))[:p.pages*slabmap.PageSize]
	}
	return l.kernel.Buffer(int(p.tag))[p.first*slabmap.PageSize : (p.first+p.pages)*slabmap.PageSize]
}

func (l *link) tick(now int64) {
	if l.qp != nil {
		l.qp.Tick(now)
	}
}
