package path

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/seal"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// backingSlot is the backing file's place in the registered files.
const backingSlot = ublk.FirstFileSlot

// queue is what all that a queue does works on. Everything in it belongs to the queue's
// thread.
type queue struct {
	*Shared
	kernel *ublk.Queue
	loop   *uring.Loop
	class  uring.Class

	requests []request   // by tag
	states   []pageState // by tag and page of the request
	perTag   int         // pages of the largest request
	parts    parts

	links   []*link                  // by donor; they may become more, up to MaxDonors
	heard   [MaxDonors]atomic.Uint64 // by donor: how often completions were taken up; read by all
	parked  []int                    // tags
	ahead   ahead
	lent    lent
	kept    line         // parts that wait for another try: see kept.go
	sealer  *seal.Sealer // nil: pages are stored as they are
	timers  timers
	closing bool

	acked       window
	completions [64]verbs.Completion // see link.done
	counts      Counts
	latency     Latencies
	slowest     slowest
}

// pagesOf are the states of a tag's pages.
func (q *queue) pagesOf(tag int) []pageState {
	first := tag * q.perTag
	return q.states[first : first+q.requests[tag].pages]
}

// bytes are a tag's buffer from page i to before page j of the request.
func (q *queue) bytes(tag, i, j int) []byte {
	return q.kernel.Buffer(tag)[i*slabmap.PageSize : j*slabmap.PageSize]
}

// endOfSlab is the first page of the request that lies beyond slab.
func (q *queue) endOfSlab(r *request, slab int) int {
	_, end := q.Pages.Geometry().PageRange(slab)
	return int(min(end-r.page, int64(r.pages)))
}

// take returns a free part for the tag's buffer. It begins now.
func (q *queue) take(kind partKind, tag, first, pages int) (int32, *part) {
	return q.parts.take(kind, tag, first, pages, q.kernel.BufferOf(tag), q.loop.Now())
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
	q.kernel.Complete(tag, res)
}

// park leaves a tag for a coming pass, which tries it again.
func (q *queue) park(tag int) {
	if r := &q.requests[tag]; !r.parked {
		r.parked, r.parkedAt = true, q.loop.Now()
		q.parked = append(q.parked, tag)
	}
}

// parkOrFail parks a request that waits, or answers it with EIO once it has waited for as
// long as it may.
func (q *queue) parkOrFail(tag int) {
	if q.overdue(&q.requests[tag]) {
		q.complete(tag, -int32(unix.EIO))
		return
	}
	q.park(tag)
}

// overdue reports whether a request has waited longer than it may.
func (q *queue) overdue(r *request) bool {
	return !r.excused && q.loop.Now()-r.since > int64(q.Patience)
}

// unpark takes the next of the parked tags. The time for which it was excused does not
// count.
func (q *queue) unpark() int {
	tag := q.parked[0]
	copy(q.parked, q.parked[1:])
	q.parked = q.parked[:len(q.parked)-1]
	r := &q.requests[tag]
	waited := q.loop.Now() - r.parkedAt
	r.parked = false
	r.times.waited(waited, r.onItsWay, r.donor)
	if r.excused {
		r.since += waited
	}
	return tag
}
