package path

import "sync/atomic"

// MaxQueues is the largest number of queues that a flush can wait for.
const MaxQueues = 64

// progress is how far one queue is with the backing writes of answered
// requests: all before oldest have ended, next is the number of the coming one.
// Written by the queue's thread, read by all.
type progress struct {
	oldest, next atomic.Uint64
	_            [112]byte // a pair of cache lines of its own
}

// window keeps a queue's progress. Writes end in any order.
type window struct {
	shared   *progress
	ended    []bool // by number, modulo its length
	inFlight int
}

func (w *window) init(shared *progress, spare int) {
	w.shared, w.ended = shared, make([]bool, 4*max(spare, 1))
}

// room reports whether another write can be numbered. No number may overtake a write
// that hangs by more than the window's length.
func (w *window) room() bool {
	return w.shared.next.Load()-w.shared.oldest.Load() < uint64(len(w.ended))
}

func (w *window) begin() uint64 {
	seq := w.shared.next.Load()
	w.ended[seq%uint64(len(w.ended))] = false
	w.shared.next.Store(seq + 1)
	w.inFlight++
	return seq
}

func (w *window) end(seq uint64) {
	w.inFlight--
	w.ended[seq%uint64(len(w.ended))] = true
	oldest, next := w.shared.oldest.Load(), w.shared.next.Load()
	for oldest < next && w.ended[oldest%uint64(len(w.ended))] {
		oldest++
	}
	w.shared.oldest.Store(oldest)
}
