package tcp

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/patience"
)

// What an SQE of a queue pair was for: the id of its completion.
const (
	idSend = iota
	idReceive
	idCancel // of a send or receive, or the nop that ends a failed QP
)

// request is one operation of a queue pair.
type request struct {
	local  []byte
	id     uint64
	remote uint64
	key    verbs.Key
	posted int64 // the loop's clock, ns
	op     verbs.Opcode
	status verbs.Status
}

// queueMemory is what the kernel reads and writes of a queue pair beside the
// pages, off the heap.
type queueMemory struct {
	headers [maxHeaders]byte                // of the batch being sent
	replies [verbs.MaxDepth][replySize]byte // by slot
	sendIov [1 + verbs.MaxDepth]unix.Iovec  // headers, payloads
	recvIov [2 * verbs.MaxDepth]unix.Iovec  // header and data of each reply
	sendMsg unix.Msghdr
	recvMsg unix.Msghdr
}

// queuePair is the active end of a connection. Operations are numbered from 0;
// number n is in slot n & mask. These numbers only grow:
//
//	head ≤ done ≤ received, sent ≤ rung ≤ belled ≤ tail
//
// Between head and done lie completions to be polled. An operation is done when
// its reply is in (received) and the kernel has let go of its batch (sent). Up
// to rung, operations are on their way in a batch; up to belled they were meant
// to go, but the batch before is still being sent.
type queuePair struct {
	dev    *Device
	loop   *uring.Loop
	class  uring.Class
	notify func()
	fd     int32
	peer   string
	state  verbs.State
	err    error

	ring                                           []request
	mask                                           uint64
	depth                                          int
	head, done, received, sent, rung, belled, tail uint64
	progressed                                     int64 // when done last grew, on the loop's clock, ns
	patience                                       patience.Watch

	mem     *queueMemory
	freeMem func() error

	send      vector // what is left of the batch in flight
	sending   bool
	linked    bool // the send in flight has a receive linked behind it
	recv      vector
	receiving bool
	partial   int // bytes of reply number received that are in
	inFlight  int // SQEs whose completion is to come
}

// newQueuePair makes all of a queue pair but its socket and its loop.
func newQueuePair(d *Device, address string, cfg verbs.QPConfig) (*queuePair, error) {
	mem, free, err := offheap.New[queueMemory](1)
	if err != nil {
		return nil, err
	}
	slots := 1
	for slots < cfg.Depth {
		slots *= 2
	}
	q := &queuePair{
		dev: d, peer: address,
		ring: make([]request, slots), mask: uint64(slots - 1),
		depth: cfg.Depth, patience: patience.NewWatch(int64(cfg.Timeout)),
		mem: &mem[0], freeMem: free,
	}
	q.send = vector{msg: &q.mem.sendMsg, iov: q.mem.sendIov[:]}
	q.recv = vector{msg: &q.mem.recvMsg, iov: q.mem.recvIov[:]}
	return q, nil
}

func (q *queuePair) slot(n uint64) *request { return &q.ring[n&q.mask] }

func (q *queuePair) State() verbs.State { return q.state }
func (q *queuePair) Err() error         { return q.err }
func (q *queuePair) Outstanding() int   { return int(q.tail - q.head) }

func (q *queuePair) Post(wr *verbs.WR) error {
	switch {
	case q.state != verbs.StateReady:
		return verbs.ErrNotReady
	case q.Outstanding() >= q.depth:
		return verbs.ErrQueueFull
	case wr.Op != verbs.OpRead && wr.Op != verbs.OpWrite:
		return verbs.ErrOpcode
	case len(wr.Local) < 1 || len(wr.Local) > verbs.MaxLength || !q.dev.registered(wr.Local):
		return verbs.ErrBounds
	}
	*q.slot(q.tail) = request{
		local: wr.Local, id: wr.ID, remote: wr.Remote, key: wr.Key,
		posted: q.loop.Now(), op: wr.Op,
	}
	q.tail++
	return nil
}

func (q *queuePair) Doorbell() {
	if q.state != verbs.StateReady {
		return
	}
	q.belled = q.tail
	q.startSend()
}

func (q *queuePair) Poll(c []verbs.Completion) int {
	n := 0
	for n < len(c) && q.head < q.done {
		r := q.slot(q.head)
		c[n] = verbs.Completion{ID: r.id, Op: r.op, Status: r.status}
		r.local = nil
		q.head++
		n++
	}
	return n
}

func (q *queuePair) Close() error {
	if q.state == verbs.StateClosed {
		return nil
	}
	if n := q.Outstanding(); n > 0 {
		return fmt.Errorf("close the connection to %s with %d operations: %w", q.peer, n, verbs.ErrOutstanding)
	}
	// Nothing outstanding means nothing in flight: a receive is started for
	// replies only, and operations are not done before their batch is sent.
	q.state = verbs.StateClosed
	if q.err == nil {
		q.err = verbs.ErrClosed
	}
	q.loop.Detach(q.class)
	q.dev.release()
	err := unix.Close(int(q.fd))
	if e := q.freeMem(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("close the connection to %s: %w", q.peer, err)
	}
	return nil
}
