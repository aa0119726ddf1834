package path

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
)

// Queue serves one ublk queue. Its methods belong to the queue's thread, but for those of
// control.go and figures.go, which post to it.
type Queue struct {
	queue
	unhook func() // takes the hook of the loop away
}

var _ ublk.Server = (*Queue)(nil)

// Open makes the queue for b, on its thread, with links to a number of donors. maxIO is
// the largest request in bytes, spare the number of spare buffers of b.
func Open(s *Shared, b *ublk.Queue, maxIO, spare, donors int) (*Queue, error) {
	q := &Queue{queue: queue{Shared: s, kernel: b, loop: b.Loop(), perTag: maxIO / slabmap.PageSize}}
	if s.Backing != nil {
		if err := b.RegisterFile(backingSlot, s.Backing.FD()); err != nil {
			return nil, err
		}
	}
	depth := b.Depth()
	q.requests = make([]request, depth)
	q.states = make([]pageState, depth*q.perTag)
	q.parked = make([]int, 0, depth)
	// A request has at most one part per page, and a write one more. So has a buffer that
	// was detached. A buffer that is fetched into has one per page at most.
	q.parts.init((depth + spare) * (q.perTag + 1))
	q.acked.init(&s.progress[b.Index()], spare)
	q.ahead.init(s.Prefetch, s.Pages.Geometry().Pages(), q.perTag, spare)
	q.lent.init(depth+spare, spare)
	q.kept = newLine()
	if s.Key != nil {
		q.sealer = s.Key.NewSealer()
	}
	if err := q.timers.init(s.Late); err != nil {
		return nil, err
	}
	q.class = q.loop.Attach(q)
	q.links = make([]*link, 0, MaxDonors)
	for i := range donors {
		q.addLink(newLink(&q.queue, i))
	}
	q.unhook = q.loop.BeforeEnter(q.beforeEnter)
	return q, nil
}

// addLink takes the link to one more donor.
func (q *Queue) addLink(l *link) { q.links = append(q.links, l) }

// Serve implements ublk.Server.
func (q *Queue) Serve(tag int, d ublk.Desc) {
	r := &q.requests[tag]
	now := q.loop.Now()
	*r = request{op: d.Op, page: d.Offset / slabmap.PageSize, pages: d.Length / slabmap.PageSize, begun: now, since: now}
	if d.Length%slabmap.PageSize != 0 || d.Offset%slabmap.PageSize != 0 {
		q.complete(tag, -int32(unix.EINVAL)) // the block size forbids it
		return
	}
	switch d.Op {
	case ublk.OpRead, ublk.OpWrite:
		clear(q.pagesOf(tag))
	case ublk.OpFlush:
		q.beginFlush(tag)
	}
	q.drive(tag)
	if d.Op == ublk.OpRead { // after it: then the detector knows what was used
		q.followReader(d.Offset/slabmap.PageSize, d.Length/slabmap.PageSize)
	}
}

// drive moves a request on as far as it goes now.
func (q *Queue) drive(tag int) {
	switch q.requests[tag].op {
	case ublk.OpRead:
		q.driveRead(tag)
	case ublk.OpWrite:
		q.driveWrite(tag)
	case ublk.OpDiscard, ublk.OpWriteZeroes:
		q.driveDiscard(tag)
	case ublk.OpFlush:
		q.driveFlush(tag)
	default:
		q.complete(tag, -int32(unix.EOPNOTSUPP))
	}
}

// beforeEnter is the doorbell of a pass. It takes up what donors completed, and only then
// looks at deadlines; it tries what is parked, fetches ahead, sends what was posted and sets
// the timers.
func (q *Queue) beforeEnter() {
	for i := range q.links {
		q.links[i].poll()
	}
	if q.timers.due(tickTimer) {
		for i := range q.links {
			q.links[i].tick(q.loop.Now())
		}
		q.writeKept()
	}
	if q.timers.due(lateTimer) {
		q.passOverLate()
	}
	for range len(q.parked) {
		q.drive(q.unpark())
	}
	for i := range q.links {
		q.links[i].postWaiting()
	}
	q.fetchAhead() // behind what requests wait for
	busy := false
	for i := range q.links {
		busy = q.links[i].ring() || busy
	}
	if len(q.parked) > 0 {
		q.timers.arm(q.loop, q.class, parkTimer)
	}
	if busy || !q.kept.empty() {
		q.timers.arm(q.loop, q.class, tickTimer)
	}
	if busy && q.Backing != nil {
		q.timers.arm(q.loop, q.class, lateTimer)
	}
}

// Handle implements uring.Handler: a timer, or an answer of the backing file.
func (q *Queue) Handle(id uint64, res int32, _ uint32) {
	if id >= parkTimer {
		q.timers.ring(id)
		return
	}
	q.backingEnded(int32(id), res)
}

// Idle implements ublk.Server. It is true when no part of an answered request is under
// way, no pages are being fetched ahead, and no timer runs.
func (q *Queue) Idle() bool {
	return q.acked.inFlight == 0 && q.lent.n == 0 && q.ahead.coming == 0 && !q.timers.running()
}

// Close implements ublk.Server.
func (q *Queue) Close() error {
	q.closing = true
	for i := range q.links {
		q.links[i].abandon()
	}
	for q.shedRun() { // nothing is on its way any more
	}
	q.unhook()
	q.loop.Detach(q.class)
	err := q.timers.free()
	if q.Leave != nil {
		err = errors.Join(err, q.Leave(q.Index()))
	}
	return err
}

// attach gives a connection to a link, unless the queue closes: it has looked at the link
// already, and the connection would stay open.
func (q *Queue) attach(donor uint16, a attachment) {
	if q.closing {
		a.refuse()
		return
	}
	q.links[donor].attach(a)
}
