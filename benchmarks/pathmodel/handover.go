package pathmodel

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// errAborted means that nobody answers any more. Errors that wrap it say why.
var errAborted = errors.New("nobody answers any more")

// ask begins a request for which await waits.
func (s *slot) ask(op uint32, page uint64) {
	s.seq++
	s.op, s.page = op, page
}

// answer ends the request. Whoever calls it wakes the word's waiter afterwards.
func (s *slot) answer(res int32) {
	s.res = res
	atomic.StoreUint32(&s.word, s.seq)
}

// await waits until the request of slot s is answered, and returns its result.
func (a *area) await(s *slot) (int32, error) {
	for {
		now := atomic.LoadUint32(&s.word)
		if now == s.seq {
			return s.res, nil
		}
		if cause := a.cause.Load(); cause != nil {
			return 0, *cause
		}
		futexWait(&s.word, now)
	}
}

// abort ends all waits, now and later: await returns an error that wraps errAborted and why, unless
// the answer has come. The words change, so that a thread that is about to wait does not. Only the
// first call counts. Any goroutine may call it.
func (a *area) abort(why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	why = fmt.Errorf("%w: %w", errAborted, why)
	if !a.cause.CompareAndSwap(nil, &why) {
		return
	}
	close(a.over)
	for i := range a.slots() {
		s, _ := a.slot(i)
		atomic.AddUint32(&s.word, 1<<31) // no number of a request under way
		futexWake(&s.word)
	}
}
