package path

import (
	"sync/atomic"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// link is a queue's connection to one donor, and the parts that wait for it. It belongs to
// the queue's thread, but for newLink. connection.go has its comings and goings.
type link struct {
	*Shared
	kernel *ublk.Queue
	loop   *uring.Loop
	parts  *parts
	done   *[64]verbs.Completion            // where completions are taken up; links share it
	ended  func(l *link, id int32, ok bool) // takes up the end of a part

	donor  uint16
	qp     verbs.QP // nil: not connected
	up     bool     // takes operations
	raised bool     // has raised the barrier
	notify func()   // poll; as a value of its own, because making one allocates
	lost   chan<- error
	coming attachment // the connection that follows when nothing is left of this one
	gone   chan<- struct{}

	waiting line // parts that are not posted yet
	sent    line // parts in flight, in the order in which they were posted and will complete
	count   int  // parts of both lines
	pace    pace
	heard   *atomic.Uint64 // counts how often completions were taken up

	latency loghist.Histogram // of parts that succeeded
	reads   loghist.Histogram // of reads alone: what the placement judges a donor by
	wr      verbs.WR
}

// newLink makes the link to the donor. It may be called from any goroutine.
func newLink(q *queue, donor int) *link {
	l := &link{
		Shared: q.Shared, kernel: q.kernel, loop: q.loop, parts: &q.parts, done: &q.completions, ended: q.remoteEnded,
		donor: uint16(donor), waiting: newLine(), sent: newLine(), pace: newPace(&q.Config, len(q.requests)), heard: &q.heard[donor],
	}
	l.notify = l.poll
	return l
}

// ready reports whether operations can be posted. If not, the donor is suspended or lost:
// reads and writes go to the backing file, or wait.
func (l *link) ready() bool { return l.up && l.qp.State() == verbs.StateReady }

// late reports whether the donor makes parts wait, so that whoever has another copy had
// better not wait for it.
func (l *link) late() bool {
	return !l.sent.empty() && l.pace.late(l.loop.Now()-l.parts.all[l.sent.first].begun, l.count)
}

// post puts a part in line. The end of the pass sends it.
func (l *link) post(id int32) {
	l.count++
	l.waiting.push(l.parts, id)
}

// end takes the first part off a line, and tells how it ended.
func (l *link) end(from *line, ok bool) {
	l.count--
	l.ended(l, from.pop(l.parts), ok)
}

// poll takes up what has completed, and the end of a connection.
func (l *link) poll() {
	if l.qp == nil {
		return
	}
	for {
		n := l.qp.Poll(l.done[:])
		l.watch()
		if n > 0 && l.done[0].Status == verbs.StatusOK {
			l.heard.Add(1)
		}
		for _, c := range l.done[:n] {
			l.pace.complete()
			l.end(&l.sent, c.Status == verbs.StatusOK)
		}
		if n < len(l.done) {
			break
		}
	}
	if l.qp.State() != verbs.StateReady && l.qp.Outstanding() == 0 && l.qp.Close() == nil {
		l.close()
	}
}

// postWaiting posts the line, as far as the connection takes it. ring sends it.
func (l *link) postWaiting() {
	for !l.waiting.empty() {
		if !l.ready() {
			l.end(&l.waiting, false)
			continue
		}
		l.request(l.waiting.first)
		if err := l.qp.Post(&l.wr); err != nil {
			if l.qp.Outstanding() > 0 && l.ready() {
				break // full: the rest goes when something has completed
			}
			l.end(&l.waiting, false)
			continue
		}
		l.sent.push(l.parts, l.waiting.pop(l.parts))
	}
}

// takesMore reports whether the link takes a part that no request waits for: nothing waits in
// line.
func (l *link) takesMore() bool { return l.waiting.empty() && l.ready() }

// postNow posts a part without a line. It is false if the connection does not take it.
// Precondition: takesMore.
func (l *link) postNow(id int32) bool {
	l.request(id)
	if l.qp.Post(&l.wr) != nil {
		return false
	}
	l.count++
	l.sent.push(l.parts, id)
	return true
}

// ring sends what was posted. It reports whether something is outstanding, so that deadlines
// are looked at.
func (l *link) ring() bool {
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
	if p.kind == writeRemote || p.kind == writeLate {
		op = verbs.OpWrite
	}
	l.wr = verbs.WR{
		ID: uint64(id), Op: op, Local: l.kernel.BufferAt(int(p.buf))[p.first*slabmap.PageSize : (p.first+p.pages)*slabmap.PageSize],
		Remote: uint64(p.page-start) * slabmap.PageSize,
		Key:    l.Keys.Get(int(p.slab), p.epoch),
	}
}

// tick looks at deadlines.
func (l *link) tick(now int64) {
	if l.qp == nil {
		return
	}
	l.qp.Tick(now)
	if l.up && !l.sent.empty() {
		if err := l.pace.judge(now, l.parts.all[l.sent.first].begun, &l.reads); err != nil {
			l.qp.Fail(err)
		}
	}
}
