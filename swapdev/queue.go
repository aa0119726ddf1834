package swapdev

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// front is what a queue needs of the block device's queue; *ublk.Queue has it.
type front interface {
	Index() int
	Depth() int
	Loop() *uring.Loop
	Arena() []byte
	Buffer(tag int) []byte
	BufferAt(buf int) []byte
	Detach(tag int) (buf int, ok bool)
	TakeSpare() (buf int, ok bool)
	Release(buf int)
	Complete(tag int, res int32)
	RegisterFile(slot int, fd int32) error
}

var _ front = (*ublk.Queue)(nil)

// shared is what all queues of a device have in common.
type shared struct {
	transports []*transport // fastest first, at least one

	pages    *slabmap.Map
	keys     *keyring
	progress []progress // by queue
	backing  *backing   // nil: none
	ack      AckPolicy
	patience int64   // nanoseconds
	hot      float64 // HotThreshold
	prefetch bool
	events   *events

	backingFailed atomic.Bool // a write to the backing file has failed: flushes cannot promise it
}

// Intervals of a queue's timers.
const (
	parkInterval = time.Millisecond      // between two tries of what is parked
	tickInterval = 50 * time.Millisecond // between two looks at deadlines
)

// Identifiers of operations that are no parts, above any part's.
const (
	parkTimer = 1<<55 + iota
	tickTimer
)

// queue serves one ublk queue. Everything in it belongs to the queue's thread.
type queue struct {
	*shared
	front front
	loop  *uring.Loop
	class uring.Class

	requests []request   // by tag
	states   []pageState // by tag and page of the request
	perTag   int         // pages of the largest request
	parts    []part
	freePart int32 // head of the free list, nobody: none left

	links    []*link // by donor; they may become more
	parked   []int   // tags
	ahead    prefetcher
	timers   []uring.Timespec
	armed    [2]bool // parkTimer, tickTimer
	freeTime func() error
	detach   func() // takes the hook away
	closing  bool

	acked       progressWindow
	completions [64]verbs.Completion
	counts      Counts
	latency     latencies
	slowest     slowest
}

// backingSlot is the backing file's place in the registered files.
const backingSlot = ublk.FirstFileSlot

// openQueue makes the queue for f, on its thread, with room for donors links.
func openQueue(s *shared, f front, maxIO, spare, donors int) (*queue, error) {
	q := &queue{shared: s, front: f, loop: f.Loop(), perTag: maxIO / slabmap.PageSize}
	if s.backing != nil {
		if err := f.RegisterFile(backingSlot, s.backing.fd()); err != nil {
			return nil, err
		}
	}
	depth := f.Depth()
	q.requests = make([]request, depth)
	q.states = make([]pageState, depth*q.perTag)
	q.parked = make([]int, 0, depth)
	// A request has at most one part per page, and a write one more; a buffer that
	// was detached or is fetched into has one.
	q.makeParts(depth*(q.perTag+1) + spare)
	q.acked.init(&s.progress[f.Index()], spare)
	q.ahead.init(q, s.prefetch)
	if err := q.makeTimers(); err != nil {
		return nil, err
	}
	q.class = q.loop.Attach(q)
	for i := range donors {
		q.links = append(q.links, newLink(q, uint16(i)))
	}
	q.detach = q.loop.BeforeEnter(q.beforeEnter)
	return q, nil
}

// Serve implements ublk.Server.
func (q *queue) Serve(tag int, d ublk.Desc) {
	r := &q.requests[tag]
	*r = request{op: d.Op, page: d.Offset / slabmap.PageSize, pages: d.Length / slabmap.PageSize, begun: q.loop.Now()}
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
	if d.Op == ublk.OpRead { // after it: nobody waits for those pages yet
		q.ahead.follow(d.Offset/slabmap.PageSize, d.Length/slabmap.PageSize)
	}
}

// drive moves a request on as far as it goes now.
func (q *queue) drive(tag int) {
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

// complete answers the kernel: res bytes, or a negated errno.
func (q *queue) complete(tag int, res int32) {
	r := &q.requests[tag]
	q.counts.count(r, res)
	now := q.loop.Now()
	took := now - r.begun
	switch r.op {
	case ublk.OpRead:
		q.latency[ofRead].Record(took)
		q.slowest.answered(r, now, took)
	case ublk.OpWrite:
		q.latency[ofWrite].Record(took)
		q.slowest.answered(r, now, took)
	}
	q.front.Complete(tag, res)
}

// beforeEnter is the doorbell of a pass: it takes up what donors completed,
// tries what is parked, sends what was posted and sets the timers.
func (q *queue) beforeEnter() {
	for i := range q.links {
		q.links[i].poll()
	}
	q.retryParked()
	busy := false
	for i := range q.links {
		busy = q.links[i].doorbell() || busy
	}
	if len(q.parked) > 0 {
		q.arm(parkTimer)
	}
	if busy {
		q.arm(tickTimer)
	}
}

// Handle implements uring.Handler: a timer, or an answer of the backing file.
func (q *queue) Handle(id uint64, res int32, _ uint32) {
	switch id {
	case parkTimer:
		q.armed[0] = false
	case tickTimer:
		q.armed[1] = false
		for i := range q.links {
			q.links[i].tick(q.loop.Now())
		}
	default:
		q.backingDone(int32(id), res)
	}
}

// Idle implements ublk.Server: no write to the backing file is under way any
// more for a request that was answered, no pages are fetched ahead, and no timer runs.
func (q *queue) Idle() bool {
	return q.acked.inFlight == 0 && q.ahead.coming == 0 && q.armed == [2]bool{}
}

// Close implements ublk.Server.
func (q *queue) Close() error {
	q.closing = true
	for i := range q.links {
		q.links[i].abandon()
	}
	q.ahead.close()
	q.detach()
	q.loop.Detach(q.class)
	err := q.freeTime()
	for _, t := range q.transports {
		err = errors.Join(err, t.leave(q))
	}
	return err
}

// park has a tag tried again in a coming pass.
func (q *queue) park(tag int) {
	if r := &q.requests[tag]; !r.parked {
		r.parked, r.parkedAt = true, q.loop.Now()
		q.parked = append(q.parked, tag)
	}
}

func (q *queue) retryParked() {
	n := len(q.parked)
	for range n {
		tag := q.parked[0]
		copy(q.parked, q.parked[1:])
		q.parked = q.parked[:len(q.parked)-1]
		r := &q.requests[tag]
		r.parked = false
		r.times.waited(q.loop.Now()-r.parkedAt, r.fetched, r.fetcher)
		q.drive(tag)
	}
}

// overdue reports whether a request has waited longer than it may.
func (q *queue) overdue(r *request) bool { return q.loop.Now()-r.begun > q.patience }
