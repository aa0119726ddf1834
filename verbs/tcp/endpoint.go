package tcp

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/verbs"
)

// endpointShift is how far a completion's id is shifted to give the endpoint's
// index; the bits below are idSend, idReceive or idCancel.
const endpointShift = 2

// inboxSize is the room for what is received ahead of knowing what it is: all
// headers of a batch, and one page more, so that a batch with a single page of
// payload comes in one receive. What payload it swallows is copied; the rest of
// a batch lands in place.
const inboxSize = 12 << 10

// endpointMemory is what the kernel reads and writes of an endpoint beside lent
// memory, off the heap.
type endpointMemory struct {
	inbox   [inboxSize]byte
	replies [verbs.MaxDepth][replySize]byte // headers, by slot
	sendIov [2 * verbs.MaxDepth]unix.Iovec  // header and data of each reply
	recvIov [verbs.MaxDepth + 1]unix.Iovec  // payloads, inbox
	sendMsg unix.Msghdr
	recvMsg unix.Msghdr
}

// endpoint is the server's end of a connection. It belongs to its worker's
// thread. At most one send and one receive are in flight.
type endpoint struct {
	peer
	worker *worker
	grants *grants
	index  int   // among the worker's endpoints
	err    error // why it ends; nil while it lives

	mem     *endpointMemory
	freeMem func() error

	inbox inbox
	batch batch

	// Replies are numbered like the operations, and in slot number & mask.
	// Those below sent are gone, those below flying are in the message being
	// sent, those below ready wait for the next.
	data                []([]byte) // lent memory that READ replies carry
	mask                uint64
	sent, flying, ready uint64

	send      vector
	sending   bool
	recv      vector
	receiving bool
	landing   bool // the receive in flight is a scattered one
	closing   bool // no more is taken in; ends when all replies are sent
	inFlight  int  // SQEs whose completion is to come
}

func newEndpoint(w *worker, p peer, g *grants, index int) (*endpoint, error) {
	mem, free, err := offheap.New[endpointMemory](1)
	if err != nil {
		return nil, err
	}
	slots := 1
	for slots < p.depth {
		slots *= 2
	}
	e := &endpoint{
		peer: p, worker: w, grants: g, index: index,
		mem: &mem[0], freeMem: free,
		data: make([][]byte, slots), mask: uint64(slots - 1),
	}
	e.inbox.buf = e.mem.inbox[:]
	e.send = vector{msg: &e.mem.sendMsg, iov: e.mem.sendIov[:]}
	e.recv = vector{msg: &e.mem.recvMsg, iov: e.mem.recvIov[:]}
	return e, nil
}

func (e *endpoint) id(kind uint64) uint64 { return uint64(e.index)<<endpointShift | kind }

func (e *endpoint) handle(kind uint64, res int32) {
	e.inFlight--
	switch kind {
	case idSend:
		e.sending = false
		e.handleSend(res)
	case idReceive:
		e.receiving = false
		e.handleReceive(res)
	}
	if e.err != nil {
		e.release()
	}
}

func (e *endpoint) handleReceive(res int32) {
	if e.err != nil {
		return
	}
	switch {
	case res == 0:
		e.end(fmt.Errorf("the device closed the connection: %w", io.EOF))
		return
	case res < 0 && !again(res):
		e.end(fmt.Errorf("receive: %w", unix.Errno(-res)))
		return
	case res > 0:
		e.arrived(int(res))
	}
	e.proceed()
}

// proceed works on what has come in, then sends and receives what there is to.
func (e *endpoint) proceed() {
	if !e.closing {
		if err := e.work(); err != nil {
			e.worker.counters.protocol.Add(1)
			e.end(err)
			return
		}
	}
	e.startSend()
	e.startReceive()
}

// end begins the end of the connection: no SQE of it can wait any longer, and
// when all have completed the memory is freed. err is the reason.
func (e *endpoint) end(err error) {
	if e.err != nil {
		return
	}
	e.err = err
	_ = unix.Shutdown(int(e.fd), unix.SHUT_RDWR)
	w := e.worker
	if e.sending {
		e.inFlight++
		w.loop.SQE(w.class, e.id(idCancel)).Cancel(w.class.Data(e.id(idSend)), 0)
	}
	if e.receiving {
		e.inFlight++
		w.loop.SQE(w.class, e.id(idCancel)).Cancel(w.class.Data(e.id(idReceive)), 0)
	}
	if e.inFlight == 0 {
		// Ended between two passes: remove it in the next.
		e.inFlight++
		w.loop.SQE(w.class, e.id(idCancel)).Nop()
	}
}

// release frees an ended endpoint once the kernel holds nothing of it.
func (e *endpoint) release() {
	if e.inFlight > 0 {
		return
	}
	_ = unix.Close(int(e.fd))
	_ = e.freeMem()
	e.worker.remove(e)
}

// touches says whether an operation that lies in mem is under way.
func (e *endpoint) touches(mem []byte) bool {
	if e.receiving && e.landing && e.recv.touches(mem) {
		return true
	}
	for n := e.sent; n < e.ready; n++ {
		if overlap(e.data[n&e.mask], mem) {
			return true
		}
	}
	return false
}
