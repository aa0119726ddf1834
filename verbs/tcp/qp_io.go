package tcp

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// startSend sends the operations from rung to belled as one batch, unless one is
// being sent, and sees to it that their replies are received.
func (q *queuePair) startSend() {
	if q.sending || q.rung == q.belled {
		return
	}
	n := int(q.belled - q.rung)
	size := batchSize + n*opSize
	var payload uint64
	q.send.reset()
	q.send.add(q.mem.headers[:size])
	for i := range n {
		seq := q.rung + uint64(i)
		r := q.slot(seq)
		putOp(q.mem.headers[batchSize+i*opSize:], opHeader{
			op: r.op, length: uint32(len(r.local)), key: r.key, offset: r.remote, seq: seq,
		})
		if r.op == verbs.OpWrite {
			payload += uint64(len(r.local))
			q.send.add(r.local)
		}
	}
	putBatch(q.mem.headers[:], n, payload)
	// With nothing under way the receive can wait for the send in the kernel: the
	// pair costs one system call instead of two, and completes once.
	q.linked = q.received == q.rung && q.loop.Reserve(2)
	q.rung = q.belled
	q.submitSend()
	q.startReceive()
}

// submitSend sends what the vector holds. A linked send that succeeds has no
// completion: the receive behind it does not begin before it is done. If it
// fails or is short it has one, and the receive has none.
func (q *queuePair) submitSend() {
	q.sending = true
	sqe := q.loop.SQE(q.class, idSend)
	sqe.SendMsg(q.fd, q.send.header(), unix.MSG_NOSIGNAL|unix.MSG_WAITALL)
	if q.linked {
		sqe.Flags = uring.Link | uring.SkipCQEOnSuccess
	} else {
		q.inFlight++
	}
}

// startReceive scatters the replies that are due over their headers' slots and
// the operations' own buffers. Polling before the first try (IORING_RECVSEND_
// POLL_FIRST) was measured on both sides and made no difference.
func (q *queuePair) startReceive() {
	if q.receiving || q.received == q.rung {
		return
	}
	q.recv.reset()
	skip := q.partial
	for seq := q.received; seq < q.rung; seq++ {
		header := q.mem.replies[seq&q.mask][:]
		q.recv.add(header[min(skip, replySize):])
		if r := q.slot(seq); r.op == verbs.OpRead {
			q.recv.add(r.local[max(skip-replySize, 0):])
		}
		skip = 0
	}
	q.receiving = true
	q.inFlight++
	q.loop.SQE(q.class, idReceive).RecvMsg(q.fd, q.recv.header(), 0)
}

// Handle is the loop's call for each completion.
func (q *queuePair) Handle(id uint64, res int32, _ uint32) {
	q.inFlight--
	before := q.done
	switch id {
	case idSend:
		q.sending = false
		if q.linked {
			q.linked, q.receiving = false, false
		}
		q.handleSend(res)
	case idReceive:
		q.receiving = false
		if q.linked {
			q.linked, q.sending = false, false
			q.sent = q.rung
		}
		q.handleReceive(res)
	}
	switch q.state {
	case verbs.StateReady:
		q.done = min(q.received, q.sent)
	case verbs.StateError:
		q.flush()
	}
	if q.done == before {
		return
	}
	q.progressed = q.loop.Now()
	// Last, because notify may do anything, even Close.
	if q.notify != nil {
		q.notify()
	}
}

func (q *queuePair) handleSend(res int32) {
	if q.state != verbs.StateReady {
		return
	}
	if res < 0 && !again(res) {
		q.fail(verbs.StatusTransport, fmt.Errorf("send to %s: %w: %w", q.peer, unix.Errno(-res), verbs.ErrTransport))
		return
	}
	if n := max(int(res), 0); n < q.send.len {
		q.send.drop(n)
		q.submitSend()
		q.startReceive()
		return
	}
	q.sent = q.rung
	q.startSend()
}

func (q *queuePair) handleReceive(res int32) {
	if q.state != verbs.StateReady {
		return
	}
	switch {
	case res == 0:
		q.fail(verbs.StatusTransport, fmt.Errorf("receive from %s: the server closed the connection: %w: %w", q.peer, io.EOF, verbs.ErrTransport))
		return
	case res < 0 && !again(res):
		q.fail(verbs.StatusTransport, fmt.Errorf("receive from %s: %w: %w", q.peer, unix.Errno(-res), verbs.ErrTransport))
		return
	case res > 0:
		if status, err := q.advance(int(res)); err != nil {
			q.fail(status, fmt.Errorf("server %s: %w", q.peer, err))
			return
		}
	}
	q.startSend()
	q.startReceive()
}

// advance accounts for n bytes of replies that have landed.
func (q *queuePair) advance(n int) (verbs.Status, error) {
	for n > 0 {
		r := q.slot(q.received)
		length := 0
		if r.op == verbs.OpRead {
			length = len(r.local)
		}
		if q.partial < replySize {
			k := min(n, replySize-q.partial)
			q.partial += k
			n -= k
			if q.partial < replySize {
				return verbs.StatusOK, nil
			}
			status, err := parseReply(q.mem.replies[q.received&q.mask][:], uint32(length), q.received)
			if err != nil {
				return status, err
			}
		}
		k := min(n, replySize+length-q.partial)
		q.partial += k
		n -= k
		if q.partial == replySize+length {
			q.received++
			q.partial = 0
		}
	}
	return verbs.StatusOK, nil
}

// again says whether a negative result only asks to try once more.
func again(res int32) bool {
	err := unix.Errno(-res)
	return errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN)
}
