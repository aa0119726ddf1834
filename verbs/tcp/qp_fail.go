package tcp

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/verbs"
)

func (q *queuePair) Tick(now int64) {
	if q.state != verbs.StateReady || q.done == q.tail {
		return
	}
	r := q.slot(q.done)
	if q.patience.Late(now, max(r.posted, q.progressed)) {
		q.fail(verbs.StatusTimeout, fmt.Errorf("%v to %s not done after %v: %w", r.op, q.peer, time.Duration(q.patience.Waited()), verbs.ErrTimeout))
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

// fail moves the QP to StateError; its oldest operation will complete with
// status, the others as flushed, but not before the kernel is through with every
// SQE that names their buffers.
func (q *queuePair) fail(status verbs.Status, err error) {
	q.state, q.err = verbs.StateError, err
	q.done = min(q.received, q.sent) // what came before the failure in this pass
	for seq := q.done; seq < q.tail; seq++ {
		q.slot(seq).status = verbs.StatusFlushed
	}
	if q.done < q.tail {
		q.slot(q.done).status = status
	}
	// After shutdown no send and no receive can wait any longer. The cancels are
	// for a kernel that sees it otherwise.
	_ = unix.Shutdown(int(q.fd), unix.SHUT_RDWR)
	if q.sending {
		q.inFlight++
		q.loop.SQE(q.class, idCancel).Cancel(q.class.Data(idSend), 0)
	}
	if q.receiving {
		q.inFlight++
		q.loop.SQE(q.class, idCancel).Cancel(q.class.Data(idReceive), 0)
	}
	if q.inFlight == 0 && q.done < q.tail {
		// Completions are only ever told from a pass of the loop.
		q.inFlight++
		q.loop.SQE(q.class, idCancel).Nop()
	}
}

// flush completes all operations of a failed QP once nothing is in flight.
func (q *queuePair) flush() {
	if q.inFlight == 0 {
		q.done = q.tail
	}
}
