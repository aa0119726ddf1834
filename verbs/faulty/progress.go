package faulty

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
)

// progress runs on the loop's thread, from a pass: when the inner queue pair has
// completions, when a delay is over, or when a fault is due.
func (q *queuePair) progress() {
	if q.state == verbs.StateClosed {
		return
	}
	q.reap()
	q.resume()
	if o := q.oldest(); q.state == verbs.StateReady && o != nil && o.fail && o.rung {
		q.fail(verbs.StatusTransport, fmt.Errorf("%v to %s: %w: %w", o.wr.Op, q.address, ErrInjected, verbs.ErrTransport))
	}
	if q.state == verbs.StateError && q.inner.Outstanding() == 0 {
		q.leave()
		for _, o := range q.ops {
			o.over, o.due = true, 0
		}
	}
	n := q.visible()
	switch now := q.loop.Now(); {
	case q.state == verbs.StateReady && now < q.heldUntil:
		q.wakeIn(time.Duration(q.heldUntil - now))
	case n < len(q.ops) && q.ops[n].over && q.ops[n].due > now:
		q.wakeIn(time.Duration(q.ops[n].due - now))
	}
	// Last, because notify may do anything, even Close.
	if n > q.told {
		q.told, q.progressed = n, q.loop.Now()
		if q.notify != nil {
			q.notify()
		}
	}
}

// wakeIn has progress run again after d.
func (q *queuePair) wakeIn(d time.Duration) {
	if q.timer != nil {
		q.timer.Stop()
	}
	q.timer = time.AfterFunc(d, func() { q.loop.Post(q.progress) })
}

// reap takes the inner queue pair's completions. They are those of the
// operations inside, in order.
func (q *queuePair) reap() {
	var c [16]verbs.Completion
	for n := q.inner.Poll(c[:]); n > 0; n = q.inner.Poll(c[:]) {
		for _, c := range c[:n] {
			q.complete(c.Status)
		}
	}
}

func (q *queuePair) complete(status verbs.Status) {
	var o *operation
	for _, o = range q.ops {
		if o.inside {
			break
		}
	}
	o.inside, o.landed = false, status == verbs.StatusOK
	o.bounce.free()
	if status != verbs.StatusOK && q.state == verbs.StateReady {
		// The inner one has failed by itself. An operation dropped before this one
		// is what the caller sees fail.
		if o != q.oldest() {
			status = verbs.StatusFlushed
		}
		q.condemn(status, q.inner.Err())
	}
	if q.state != verbs.StateReady || o.drop {
		return
	}
	o.over, o.status = true, status
	o.due = q.loop.Now() + int64(o.delay)
	if o.corrupt && o.wr.Op == verbs.OpRead {
		q.flip(o.wr.Local)
	}
}

// resume sends what was held back, once the stall is over.
func (q *queuePair) resume() {
	if q.held == 0 || q.state != verbs.StateReady || q.stalled() {
		return
	}
	q.held = 0
	for _, o := range q.ops {
		if !o.held {
			continue
		}
		o.inside, o.held = true, false
		if err := q.send(o); err != nil {
			o.inside = false
			q.fail(verbs.StatusTransport, fmt.Errorf("%v to %s after a stall: %w: %w", o.wr.Op, q.address, err, verbs.ErrTransport))
			return
		}
	}
	q.inner.Doorbell()
}

// condemn moves to StateError. The oldest operation that has no status yet gets
// the given one, all behind it are flushed, even if they were done: completions
// come in order. They are over when the inner queue pair has given back all
// buffers.
func (q *queuePair) condemn(status verbs.Status, err error) {
	q.state, q.err = verbs.StateError, err
	for i, o := range q.ops {
		if o.over {
			continue
		}
		for _, o := range q.ops[i:] {
			o.over, o.status = false, status
			status = verbs.StatusFlushed
		}
		return
	}
}

func (q *queuePair) fail(status verbs.Status, err error) {
	q.reap() // what was done before the failure
	if q.state != verbs.StateReady {
		return
	}
	q.condemn(status, err)
	q.inner.Fail(err)
	if q.inner.Outstanding() == 0 && len(q.ops) > 0 {
		q.loop.Post(q.progress)
	}
}

func (q *queuePair) Fail(reason error) {
	if q.state != verbs.StateReady {
		return
	}
	if reason == nil {
		reason = verbs.ErrFailed
	}
	q.fail(verbs.StatusFlushed, reason)
}

// kill is Device.Kill's, on the loop's thread.
func (q *queuePair) kill() {
	if q.state == verbs.StateReady {
		q.dev.killings.Add(1)
		q.fail(verbs.StatusTransport, killedError(q.address))
	}
}

func (q *queuePair) Tick(now int64) {
	if q.state != verbs.StateReady {
		return
	}
	q.inner.Tick(now)
	if o := q.oldest(); o != nil && q.patience.Late(now, max(o.posted, q.progressed)) {
		q.fail(verbs.StatusTimeout, fmt.Errorf("%v to %s not done after %v: %w", o.wr.Op, q.address, time.Duration(q.patience.Waited()), verbs.ErrTimeout))
	}
}
