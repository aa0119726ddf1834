package swapdev

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/uring"
)

// progress is how far one queue is with the backing writes of answered
// requests: all before oldest have ended, next is the number of the coming one.
// Written by the queue's thread, read by all.
type progress struct {
	oldest, next atomic.Uint64
	_            [112]byte // a pair of cache lines of its own
}

// progressWindow keeps a queue's progress: writes end in any order.
type progressWindow struct {
	shared   *progress
	ended    []bool // by number, modulo its length
	inFlight int
}

func (w *progressWindow) init(shared *progress, spare int) {
	w.shared, w.ended = shared, make([]bool, 4*max(spare, 1))
}

// room reports whether another write can be numbered: one that hangs must not
// be lapped.
func (w *progressWindow) room() bool {
	return w.shared.next.Load()-w.shared.oldest.Load() < uint64(len(w.ended))
}

func (w *progressWindow) begin() uint64 {
	seq := w.shared.next.Load()
	w.ended[seq%uint64(len(w.ended))] = false
	w.shared.next.Store(seq + 1)
	w.inFlight++
	return seq
}

func (w *progressWindow) end(seq uint64) {
	w.inFlight--
	w.ended[seq%uint64(len(w.ended))] = true
	oldest, next := w.shared.oldest.Load(), w.shared.next.Load()
	for oldest < next && w.ended[oldest%uint64(len(w.ended))] {
		oldest++
	}
	w.shared.oldest.Store(oldest)
}

// beginFlush notes what has been answered so far, on every queue.
func (q *queue) beginFlush(tag int) {
	r := &q.requests[tag]
	for i := range q.progress {
		r.target[i] = q.progress[i].next.Load()
	}
}

// driveFlush waits for the backing writes of what was answered before, then
// has the file synced. Once a write to it has failed, no flush succeeds.
func (q *queue) driveFlush(tag int) {
	r := &q.requests[tag]
	if q.backing == nil {
		q.complete(tag, 0)
		return
	}
	for i := range q.progress {
		if q.progress[i].oldest.Load() < r.target[i] {
			if q.overdue(r) {
				q.complete(tag, -int32(unix.EIO))
			} else {
				q.park(tag)
			}
			return
		}
	}
	if q.backingFailed.Load() {
		q.complete(tag, -int32(unix.EIO))
		return
	}
	id, _ := q.takePart(syncBacking, tag, 0, 0)
	sqe := q.loop.SQE(q.class, uint64(id))
	sqe.Fsync(backingSlot, true)
	sqe.Flags |= uring.FixedFile
}
