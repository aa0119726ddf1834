package faulty

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/patience"
)

// operation is one posted operation and its fate.
type operation struct {
	wr      verbs.WR
	posted  int64 // loop's clock, ns
	drop    bool  // never completes by itself
	fail    bool  // fails the queue pair when its turn comes
	rung    bool  // the doorbell was rung for it
	inside  bool  // is posted to the inner queue pair
	held    bool  // will be, when the stall is over
	landed  bool  // was carried out
	late    bool  // is carried out after it has failed
	corrupt bool
	delay   time.Duration
	stall   time.Duration // how long the connection stalls with it
	bounce  *bounce       // what a corrupted WRITE sends

	over   bool // has its status
	status verbs.Status
	due    int64 // when its completion may be seen, loop's clock
}

// queuePair wraps a queue pair. All of it belongs to the loop's thread.
type queuePair struct {
	dev      *Device
	inner    verbs.QP
	loop     *uring.Loop
	notify   func()
	address  string
	from     origin
	depth    int
	patience patience.Watch

	progressed int64 // when an operation was last done, on the loop's clock, ns
	rnd        *rand.Rand

	state     verbs.State
	err       error
	ops       []*operation // in posting order, from the oldest not polled
	told      int          // how many of them notify has been called for
	held      int          // how many of them are held back
	heldUntil int64        // end of a stall by the plan, on the loop's clock, ns
	left      bool         // what is carried out late has been left behind
	timer     *time.Timer  // wakes the loop for a delayed completion, or the end of a stall
}

func newQueuePair(c *conn, loop *uring.Loop, notify func()) *queuePair {
	return &queuePair{
		dev: c.dev, loop: loop, notify: notify, address: c.address, from: c.from,
		depth: c.cfg.Depth, patience: patience.NewWatch(int64(c.cfg.Timeout)),
		rnd: rand.New(rand.NewPCG(c.dev.currentPlan().Seed, c.number)),
	}
}

func (q *queuePair) Outstanding() int { return len(q.ops) }

func (q *queuePair) State() verbs.State {
	if q.state == verbs.StateReady {
		return q.inner.State() // may know of an error that progress has yet to see
	}
	return q.state
}

func (q *queuePair) Err() error {
	if q.err == nil {
		return q.inner.Err()
	}
	return q.err
}

func (q *queuePair) Post(wr *verbs.WR) error {
	switch {
	case q.State() != verbs.StateReady:
		return verbs.ErrNotReady
	case len(q.ops) >= q.depth:
		return verbs.ErrQueueFull
	}
	o, err := q.fate(wr)
	if err != nil {
		return err
	}
	if o.stall > 0 {
		q.heldUntil = max(q.heldUntil, q.loop.Now()+int64(o.stall))
		q.wakeIn(o.stall)
	}
	switch {
	case o.inside && (q.held > 0 || q.stalled()):
		o.inside, o.held = false, true
		q.held++
	case o.inside:
		if err := q.send(o); err != nil {
			return err
		}
	}
	q.ops = append(q.ops, o)
	q.dev.count(o)
	return nil
}

// send posts an operation to the inner queue pair.
func (q *queuePair) send(o *operation) error {
	wr := o.wr
	if o.bounce != nil {
		wr.Local = o.bounce.mem
	}
	err := q.inner.Post(&wr)
	if err != nil {
		o.bounce.free()
	}
	return err
}

// fate rolls the dice, always the same number of times.
func (q *queuePair) fate(wr *verbs.WR) (*operation, error) {
	plan := q.dev.currentPlan()
	hit := func(p float64) bool { return q.rnd.Float64() < p }
	drop, lost, fail, delay, corrupt := hit(plan.Drop), hit(0.5), hit(plan.Fail), hit(plan.Delay), hit(plan.Corrupt)
	wait := time.Duration(q.rnd.Float64() * float64(plan.DelayMax))
	late, stall := hit(plan.Late), hit(plan.Stall)
	pause := time.Duration(q.rnd.Float64() * float64(plan.StallMax))
	o := &operation{wr: *wr, posted: q.loop.Now(), inside: true, late: late}
	if stall {
		o.stall = pause
	}
	switch {
	case drop:
		o.drop, o.inside = true, !lost
		return o, nil
	case fail:
		o.fail, o.inside = true, false
		return o, nil
	}
	if delay {
		o.delay = wait
	}
	o.corrupt = corrupt && len(wr.Local) > 0
	if o.corrupt && wr.Op == verbs.OpWrite {
		var err error
		if o.bounce, err = newBounce(q.dev, wr.Local); err != nil {
			return nil, err
		}
		q.flip(o.bounce.mem)
	}
	return o, nil
}

func (d *Device) count(o *operation) {
	switch {
	case o.drop:
		d.dropped.Add(1)
	case o.fail:
		d.failed.Add(1)
	}
	if o.delay > 0 {
		d.delayed.Add(1)
	}
	if o.stall > 0 || o.held {
		d.stalled.Add(1)
	}
	if o.corrupt {
		d.corrupted.Add(1)
	}
}

// flip alters one bit.
func (q *queuePair) flip(b []byte) { b[q.rnd.IntN(len(b))] ^= 1 << q.rnd.IntN(8) }

func (q *queuePair) Doorbell() {
	if q.state != verbs.StateReady {
		return
	}
	for _, o := range q.ops {
		o.rung = true
	}
	q.inner.Doorbell()
	if o := q.oldest(); o != nil && o.fail {
		q.loop.Post(q.progress) // no completion of the inner QP would bring it up
	}
}

// oldest is the first operation that has no status yet, or nil.
func (q *queuePair) oldest() *operation {
	for _, o := range q.ops {
		if !o.over {
			return o
		}
	}
	return nil
}

// stalled says whether nothing goes to the server or comes from it.
func (q *queuePair) stalled() bool {
	return q.state == verbs.StateReady && (q.loop.Now() < q.heldUntil || q.dev.stallOf(q.address) != nil)
}

// visible counts the completions that can be polled.
func (q *queuePair) visible() int {
	if q.stalled() {
		return q.told
	}
	for i, o := range q.ops {
		if !o.over || o.due > q.loop.Now() {
			return i
		}
	}
	return len(q.ops)
}

func (q *queuePair) Poll(c []verbs.Completion) int {
	n := min(len(c), q.visible())
	for i, o := range q.ops[:n] {
		c[i] = verbs.Completion{ID: o.wr.ID, Op: o.wr.Op, Status: o.status}
	}
	q.ops = q.ops[n:]
	q.told = max(q.told-n, 0)
	return n
}

func (q *queuePair) Close() error {
	if q.state == verbs.StateClosed {
		return nil
	}
	if n := len(q.ops); n > 0 {
		return fmt.Errorf("close the connection to %s with %d operations: %w", q.address, n, verbs.ErrOutstanding)
	}
	// The inner one has nothing outstanding either: what is dropped out here is
	// over in there before anything behind it can be polled.
	if err := q.inner.Close(); err != nil {
		return err
	}
	q.err, q.state = q.Err(), verbs.StateClosed
	if q.timer != nil {
		q.timer.Stop()
	}
	q.dev.forget(q)
	return nil
}
