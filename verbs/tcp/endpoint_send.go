package tcp

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/verbs"
)

// reply appends the answer to op; data is what a READ carries.
// Preconditions: there is a place, ready-sent <= mask.
func (e *endpoint) reply(status uint8, op *opHeader, data []byte) {
	slot := e.ready & e.mask
	e.data[slot] = data
	e.ready++
	length := uint32(len(data))
	putReply(e.mem.replies[slot][:], status, length, op.seq)
	if status != replyOK {
		return
	}
	c := &e.worker.counters
	if op.op == verbs.OpRead {
		c.reads.Add(1)
		c.readBytes.Add(uint64(length))
	} else {
		c.writes.Add(1)
		c.writeBytes.Add(uint64(op.length))
	}
}

// startSend sends all replies that are ready in one message, unless one is
// being sent.
func (e *endpoint) startSend() {
	if e.sending || e.err != nil {
		return
	}
	if e.sent == e.ready {
		if e.closing {
			e.end(fmt.Errorf("operation refused: %w", verbs.ErrRemoteAccess))
		}
		return
	}
	e.send.reset()
	for n := e.sent; n < e.ready; n++ {
		e.send.add(e.mem.replies[n&e.mask][:])
		e.send.add(e.data[n&e.mask])
	}
	e.flying = e.ready
	e.submitSend()
}

func (e *endpoint) submitSend() {
	w := e.worker
	e.sending = true
	e.inFlight++
	w.loop.SQE(w.class, e.id(idSend)).SendMsg(e.fd, e.send.header(), unix.MSG_NOSIGNAL|unix.MSG_WAITALL)
}

func (e *endpoint) handleSend(res int32) {
	if e.err != nil {
		return
	}
	if res < 0 && !again(res) {
		e.end(fmt.Errorf("send: %w", unix.Errno(-res)))
		return
	}
	if n := max(int(res), 0); n < e.send.len {
		e.send.drop(n)
		e.submitSend()
		return
	}
	e.sent = e.flying
	// Work may have waited for room to reply.
	e.proceed()
}
