package pathmodel

import (
	"errors"
	"sync/atomic"
)

// errAborted means that nobody answers any more: a part has ended, or the measurement has.
var errAborted = errors.New("the request was not answered, and will not be")

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
		switch {
		case now == s.seq:
			return s.res, nil
		case a.aborted.Load():
			return 0, errAborted
		}
		futexWait(&s.word, now)
	}
}

// abort ends all waits, now and later: await returns errAborted unless the answer has come. The
// words change, so that a thread that is about to wait does not.
func (a *area) abort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.aborted.Swap(true) {
		return
	}
	for i := range a.slots() {
		s, _ := a.slot(i)
		atomic.AddUint32(&s.word, 1<<31) // no number of a request under way
		futexWake(&s.word)
	}
}
