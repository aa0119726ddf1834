//go:build cgo

package rdma

/*
#include "cm.h"
#include "qp.h"
*/
import "C"

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
)

// fail ends a ready queue pair. Its operations complete when the adapter has let go of
// their buffers. Destroying the queue pair guarantees that. It is a system call that
// may take long, so a goroutine makes it.
func (q *queuePair) fail(cause verbs.Status, err error) {
	if q.state != verbs.StateReady {
		return
	}
	q.state, q.cause, q.err = verbs.StateError, cause, err
	c := q.c
	q.dev.ending.Go(func() {
		C.fs_disconnect(c.id)
		destroy(c)
		close(q.ended)
		q.loop.Post(q.flush) // a loop that has closed has nobody who waits
	})
}

// destroy does not return before the adapter has let go of all buffers.
func destroy(c *C.struct_fs_qp) {
	for C.fs_qp_destroy(c) != 0 {
		time.Sleep(destroyPause)
	}
}

// flush completes what is left of a failed queue pair.
func (q *queuePair) flush() {
	if q.state != verbs.StateError {
		return
	}
	before := q.done
	for ; q.done < q.tail; q.done++ {
		q.slot(q.done).status = verbs.StatusFlushed
	}
	if before < q.tail {
		q.slot(before).status = q.cause
	}
	q.progressed = q.loop.Now()
	if q.notify != nil {
		q.notify()
	}
}

// Close frees the queue pair. See verbs.QP.
func (q *queuePair) Close() error {
	if q.state == verbs.StateClosed {
		return nil
	}
	if n := q.Outstanding(); n > 0 {
		return fmt.Errorf("close the connection to %s with %d operations: %w", q.peer, n, verbs.ErrOutstanding)
	}
	q.fail(verbs.StatusFlushed, verbs.ErrClosed)
	q.state = verbs.StateClosed
	q.poller.remove(q)
	q.unpoll(idCompletions)
	q.unpoll(idConnection)
	q.dev.ending.Go(func() {
		<-q.ended
		C.fs_qp_free(q.c)
		freeCQP(q.c)
		q.channel.close()
		if q.spare != nil {
			q.spare.call.close()
		}
		q.dev.unuse(q.nic)
		q.dev.release()
	})
	return nil
}

// explain says what a completion in error means.
func explain(wc *C.struct_fs_wc) (verbs.Status, error) {
	text := fmt.Sprintf("%s (vendor code %#x)", C.GoString(C.fs_status_name(C.int(wc.status))), uint32(wc.vendor))
	switch wc.status {
	case C.IBV_WC_REM_ACCESS_ERR:
		return verbs.StatusRemoteAccess, fmt.Errorf("%s: %w", text, verbs.ErrRemoteAccess)
	case C.IBV_WC_WR_FLUSH_ERR:
		return verbs.StatusTransport, fmt.Errorf("%s: the connection is down: %w", text, verbs.ErrTransport)
	case C.IBV_WC_RETRY_EXC_ERR:
		return verbs.StatusTransport, fmt.Errorf("%s: the peer does not answer: %w", text, verbs.ErrTransport)
	case C.IBV_WC_RNR_RETRY_EXC_ERR:
		return verbs.StatusTransport, fmt.Errorf("%s: the peer is not ready: %w", text, verbs.ErrTransport)
	}
	return verbs.StatusTransport, fmt.Errorf("%s: %w", text, verbs.ErrTransport)
}
