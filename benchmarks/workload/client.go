package workload

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// client loads a store over one connection. One goroutine sends operations when they are
// due, another receives the answers.
type client struct {
	session
	phase   phase
	begin   time.Time
	pending chan sent     // under way, oldest first
	tokens  chan struct{} // one for each operation under way, in a closed phase
	expired atomic.Bool   // the time for answers has ended
	broken  atomic.Bool   // the connection failed before that
	outcome               // the receiver's
}

// sent is an operation, and when it was due.
type sent struct {
	operation
	due time.Time
}

// window bounds the operations under way on a connection of an open phase. It bounds memory
// only: an operation that waits for room keeps the time at which it was due.
const window = 1 << 14

func newClient(on session, ph phase, begin time.Time) *client {
	c := &client{session: on, phase: ph, begin: begin, outcome: newOutcome(), pending: make(chan sent, window)}
	if ph.rate == 0 {
		c.tokens = make(chan struct{}, ph.depth)
	}
	return c
}

func (c *client) end() time.Time      { return c.begin.Add(c.phase.duration) }
func (c *client) deadline() time.Time { return c.end().Add(c.phase.patience) }

// run returns when all operations are answered, or when the time for answers is over.
func (c *client) run(ctx context.Context) error {
	timer := time.AfterFunc(time.Until(c.deadline()), func() {
		c.expired.Store(true)
		c.hangUp()
	})
	defer timer.Stop()
	sender := make(chan error, 1)
	go func() {
		defer close(c.pending)
		sender <- c.send(ctx)
	}()
	err := c.receiveAll()
	return errors.Join(ctx.Err(), err, <-sender)
}

// send sends every operation when it is due. When the time for answers is over, it only
// records what else was due.
func (c *client) send(ctx context.Context) error {
	if c.phase.rate > 0 {
		// A thread of its own makes its sleep precise. The thread ends with the goroutine.
		runtime.LockOSThread()
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	var err error
	for due := c.begin; ; {
		if due, err = c.await(ctx, due); err != nil || !due.Before(c.end()) {
			break
		}
		op := sent{c.share.next(), due}
		if err = c.submit(op); err != nil {
			break
		}
	}
	if err == nil {
		err = c.unlessExpired(c.flush())
	}
	return err
}

// await waits until the next operation is due, and returns that time. The one before was due
// at last. await flushes what was sent before.
func (c *client) await(ctx context.Context, last time.Time) (time.Time, error) {
	if c.phase.rate == 0 {
		select {
		case c.tokens <- struct{}{}:
		default:
			if err := c.unlessExpired(c.flush()); err != nil {
				return last, err
			}
			c.tokens <- struct{}{}
		}
		return time.Now(), nil
	}
	gap := c.share.rng.ExpFloat64() * connections / c.phase.rate
	due := last.Add(time.Duration(gap * float64(time.Second)))
	if time.Until(due) > 0 {
		if err := c.unlessExpired(c.flush()); err != nil {
			return due, err
		}
	}
	return due, c.sleep(ctx, due)
}

// sleepSlice is how often a sleeper checks whether the phase has ended.
const sleepSlice = 50 * time.Millisecond

// sleep waits until due, or until the end of the phase if that is earlier. It does not use
// the runtime's timers, which are up to a millisecond late: that would count as latency.
func (c *client) sleep(ctx context.Context, due time.Time) error {
	if end := c.end(); due.After(end) {
		due = end
	}
	for {
		wait := time.Until(due)
		if wait <= 0 {
			return nil
		}
		if c.broken.Load() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		duration := unix.NsecToTimespec(int64(min(wait, sleepSlice)))
		// A signal can cut the sleep short; the loop then sleeps again.
		_ = unix.Nanosleep(&duration, nil)
	}
}

// submit hands an operation to the connection and to the receiver.
func (c *client) submit(op sent) error {
	select {
	case c.pending <- op:
	default:
		if err := c.unlessExpired(c.flush()); err != nil {
			return err
		}
		c.pending <- op
	}
	if c.expired.Load() {
		return nil
	}
	return c.unlessExpired(c.session.send(op.operation))
}

// unlessExpired returns err, or nil if the connection was closed because time is over.
func (c *client) unlessExpired(err error) error {
	if c.expired.Load() {
		return nil
	}
	return err
}

// receiveAll receives the answers to all operations. It returns when the sender has ended,
// also after an error.
func (c *client) receiveAll() error {
	var failed error
	for op := range c.pending {
		if failed == nil {
			failed = c.answer(op)
		}
		switch {
		case failed == nil:
		case c.expired.Load():
			c.late++
			c.record(c.deadline().Sub(op.due))
		case !c.broken.Swap(true):
			c.hangUp()
		}
		if c.tokens != nil {
			<-c.tokens
		}
	}
	return c.unlessExpired(failed)
}

// answer receives the answer to op.
func (c *client) answer(op sent) error {
	err := c.receive(op.operation)
	now := time.Now()
	if errors.Is(err, errMiss) {
		c.misses++
		err = nil
	}
	if err != nil {
		return err
	}
	c.done++
	c.record(now.Sub(op.due))
	c.seconds = now.Sub(c.begin).Seconds()
	return nil
}
