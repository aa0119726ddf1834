//go:build cgo

package rdma

// #include "qp.h"
import "C"

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/patience"
)

// What an SQE of a queue pair was for: the id of its completion.
const (
	idCompletions = iota // the completion channel can be read
	idConnection         // the connection manager has an event
	idRemove             // that plus one of the two: its poll was asked to end
)

// destroyPause is the wait before a queue pair that could not be destroyed is
// tried again.
const destroyPause = 100 * time.Millisecond

// request is one operation of a queue pair.
type request struct {
	id     uint64
	posted int64 // the loop's clock, ns
	op     verbs.Opcode
	status verbs.Status
}

// queuePair is the active end of a connection. Operations are numbered from 0;
// number n is in slot n & mask. These numbers only grow:
//
//	head ≤ done ≤ rung ≤ tail
//
// Between head and done lie completions to be polled, between done and rung what
// the adapter has.
type queuePair struct {
	dev     *Device
	nic     *nic
	channel *channel
	c       *C.struct_fs_qp
	wr      []C.struct_fs_wr // C's memory, by slot

	loop   *uring.Loop
	class  uring.Class
	poller *poller
	spare  *poller // made for a loop that has none; nil when it was taken
	notify func()
	peer   string
	state  verbs.State
	err    error
	cause  verbs.Status // of the operation that is the first to be flushed

	ring                   []request
	mask                   uint64
	depth                  int
	head, done, rung, tail uint64
	progressed             int64 // when done last grew, on the loop's clock, ns
	patience               patience.Watch
	armed                  bool          // the next completion makes an event
	polls                  int           // SQEs whose last completion is to come
	ended                  chan struct{} // closed when the adapter is done with a failed queue pair
}

// newQueuePair makes all of a queue pair that does not depend on its loop.
func newQueuePair(c *conn) *queuePair {
	wr := requests(c.qp)
	return &queuePair{
		dev: c.dev, nic: c.nic, channel: c.channel, c: c.qp, wr: wr, peer: c.address,
		ring: make([]request, len(wr)), mask: uint64(len(wr) - 1),
		depth: c.cfg.Depth, patience: patience.NewWatch(int64(c.cfg.Timeout)),
		ended: make(chan struct{}), spare: newPoller(c.dev),
	}
}

// attach gives the queue pair to a loop, on the loop's thread. It allocates nothing.
func (q *queuePair) attach(loop *uring.Loop, notify func(), spin time.Duration) {
	q.loop, q.notify = loop, notify
	q.class = loop.Attach(q)
	q.poll(idCompletions)
	q.poll(idConnection)
	q.poller = q.dev.pollerOf(loop, q.spare)
	if q.poller == q.spare {
		q.spare = nil
	}
	q.poller.add(q, spin)
}

// poll makes the loop watch one of the two files.
func (q *queuePair) poll(id uint64) {
	fd := q.channel.fd()
	if id == idCompletions {
		fd = int32(q.c.channel.fd)
	}
	q.polls++
	q.loop.SQE(q.class, id).PollAdd(fd, unix.POLLIN, true)
}

// unpoll ends that.
func (q *queuePair) unpoll(id uint64) {
	q.polls++
	q.loop.SQE(q.class, idRemove+id).PollRemove(q.class.Data(id))
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
	case len(wr.Local) < 1 || len(wr.Local) > verbs.MaxLength:
		return verbs.ErrBounds
	}
	lkey, ok := q.nic.find(wr.Local)
	if !ok {
		return verbs.ErrBounds
	}
	rkey, base := openKey(wr.Key)
	var write C.uint32_t
	if wr.Op == verbs.OpWrite {
		write = 1
	}
	q.wr[q.tail&q.mask] = C.struct_fs_wr{
		local: C.uint64_t(address(wr.Local)), remote: C.uint64_t(base + wr.Remote),
		length: C.uint32_t(len(wr.Local)), lkey: C.uint32_t(lkey), rkey: C.uint32_t(rkey), write: write,
	}
	*q.slot(q.tail) = request{id: wr.ID, posted: q.loop.Now(), op: wr.Op}
	q.tail++
	return nil
}

func (q *queuePair) Doorbell() {
	if q.state != verbs.StateReady || q.rung == q.tail {
		return
	}
	r := q.poller.call.post(q.c, q.rung, q.tail)
	if r != 0 {
		q.rung = uint64(q.c.unposted)
		q.fail(verbs.StatusTransport, fmt.Errorf("post to %s: %w: %w", q.peer, errno(r), verbs.ErrTransport))
		return
	}
	q.rung = q.tail
}

func (q *queuePair) Poll(c []verbs.Completion) int {
	n := 0
	for n < len(c) && q.head < q.done {
		r := q.slot(q.head)
		c[n] = verbs.Completion{ID: r.id, Op: r.op, Status: r.status}
		q.head++
		n++
	}
	return n
}

// busy says whether the adapter has operations.
func (q *queuePair) busy() bool { return q.state == verbs.StateReady && q.done < q.rung }

// reap takes completions off the adapter and says whether there was one. It polls for
// up to spin while there is none. It does not call notify.
func (q *queuePair) reap(spin time.Duration) bool {
	found := false
	for q.state == verbs.StateReady {
		n := q.poller.call.poll(q.c, spin)
		if n < 0 {
			q.fail(verbs.StatusTransport, fmt.Errorf("poll for completions from %s: %w: %w", q.peer, errno(n), verbs.ErrTransport))
		}
		for i := range q.c.wc[:max(n, 0)] {
			q.complete(&q.c.wc[i])
		}
		found = found || n > 0
		if n < C.FS_BATCH {
			break
		}
		spin = 0
	}
	if found {
		q.loop.Refresh()
		q.progressed = q.loop.Now()
	}
	return found
}

// arm asks the adapter for an event at the next completion.
func (q *queuePair) arm() {
	if q.armed || q.state != verbs.StateReady {
		return
	}
	if r := q.poller.call.arm(q.c); r != 0 {
		q.fail(verbs.StatusTransport, fmt.Errorf("ask for completions from %s: %w: %w", q.peer, errno(r), verbs.ErrTransport))
		return
	}
	q.armed = true
}

// complete takes one completion. Those before it that had none of their own are
// done too.
func (q *queuePair) complete(wc *C.struct_fs_wc) {
	number := uint64(wc.number)
	if q.state != verbs.StateReady || number < q.done || number >= q.rung {
		return // what comes after an error is flushed when the adapter has let go
	}
	if wc.status == C.IBV_WC_SUCCESS {
		q.done = number + 1
		return
	}
	q.done = number
	status, err := explain(wc)
	q.fail(status, fmt.Errorf("%v of %d bytes to %s: %w", q.slot(number).op, uint32(q.wr[number&q.mask].length), q.peer, err))
}

// Handle is the loop's call when one of the files can be read.
func (q *queuePair) Handle(id uint64, res int32, flags uint32) {
	ended := flags&uring.FlagMore == 0
	if ended {
		q.polls--
	}
	switch {
	case q.state == verbs.StateClosed:
		if id >= idRemove && unix.Errno(-res) == unix.EALREADY { // it was just busy
			q.unpoll(id - idRemove)
		}
		if q.polls == 0 {
			q.loop.Detach(q.class)
		}
		return
	case ended && q.state == verbs.StateReady:
		q.poll(id) // a multishot poll may end by itself
	}
	before, state := q.done, q.state
	if id == idCompletions {
		q.armed = false
		if q.state == verbs.StateReady {
			C.fs_events(q.c)
			q.reap(0)
		}
	} else {
		q.connection()
	}
	q.tell(before, state)
}

// tell calls notify if there is news since done and state were so. Without notify
// the news is for whoever polls after the pass, which then must not wait.
func (q *queuePair) tell(done uint64, state verbs.State) {
	switch {
	case q.done == done && q.state == state:
	case q.notify == nil:
		q.loop.Awake()
	default:
		q.notify() // last, because it may do anything, even Close
	}
}

// connection takes the connection manager's events: all of them mean the end.
func (q *queuePair) connection() {
	for q.state == verbs.StateReady {
		e, ok, err := q.channel.tryNext()
		switch {
		case err == nil && !ok:
			return
		case err == nil && (e.kind == C.RDMA_CM_EVENT_ESTABLISHED || e.kind == C.RDMA_CM_EVENT_TIMEWAIT_EXIT):
			continue
		case err == nil:
			err = fmt.Errorf("connection to %s: %s: %w", q.peer, eventName(e.kind), verbs.ErrTransport)
		}
		q.reap(0) // what was done before
		q.fail(verbs.StatusTransport, err)
	}
}

func (q *queuePair) Tick(now int64) {
	if !q.busy() || !q.patience.Late(now, max(q.slot(q.done).posted, q.progressed)) {
		return
	}
	if q.reap(0) {
		return // the next pass tells
	}
	q.fail(verbs.StatusTimeout, fmt.Errorf("%v to %s: nothing done for %v: %w", q.slot(q.done).op, q.peer, time.Duration(q.patience.Waited()), verbs.ErrTimeout))
}

func (q *queuePair) Fail(reason error) {
	if reason == nil {
		reason = verbs.ErrFailed
	}
	q.fail(verbs.StatusFlushed, reason)
}
