package faulty

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// lateDeadline bounds how long it takes to carry out what a failed connection has left.
const lateDeadline = 10 * time.Second

// seat is a place of a session at one server.
type seat struct {
	address string
	session verbs.SessionID
	place   uint32
}

// origin says which connection something is from.
type origin struct {
	seat
	cred       verbs.Credential
	generation uint64
}

// remains are WRITEs of a failed connection that are still on their way.
type remains struct {
	origin
	writes []lateWrite
	now    context.CancelFunc // a later connection is being made: carry them out
	done   chan struct{}      // closed when they were, or never will be
}

type lateWrite struct {
	data   *bounce
	remote uint64
	key    verbs.Key
}

// leave leaves the WRITEs of a failed queue pair behind that are to be carried out late. It
// copies them, because the buffers go back to the caller.
func (q *queuePair) leave() {
	if q.left {
		return
	}
	q.left = true
	var writes []lateWrite
	for _, o := range q.ops {
		if o.over || o.landed || !o.rung || o.wr.Op != verbs.OpWrite || !o.late && !o.held {
			continue
		}
		data, err := newBounce(q.dev, o.wr.Local)
		if err != nil {
			continue // it is lost instead
		}
		writes = append(writes, lateWrite{data, o.wr.Remote, o.wr.Key})
	}
	if len(writes) > 0 {
		q.dev.leave(q.from, writes, time.Duration(q.rnd.Float64()*float64(q.dev.currentPlan().LateMax)))
	}
}

// leave carries the writes out after a while, unless a later connection of their place was
// asked for: that one has passed the fence, or will, and nothing may come after it.
func (d *Device) leave(from origin, writes []lateWrite, after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &remains{origin: from, writes: writes, done: make(chan struct{})}
	if d.running.Err() != nil || from.place != 0 && d.fences[from.seat] > from.generation {
		r.free()
		return
	}
	var hurry context.Context
	hurry, r.now = context.WithCancel(d.running)
	d.remains[r] = true
	d.leaving.Go(func() {
		defer close(r.done)
		defer r.free()
		defer r.now()
		d.rest(hurry, r.address, after)
		if d.running.Err() == nil {
			_ = r.carryOut(d) // the server may have gone, or revoked the session
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.remains, r)
	})
}

// rest waits for a while, and for the end of a stall.
func (d *Device) rest(ctx context.Context, address string, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	if stall := d.stallOf(address); stall != nil {
		select {
		case <-stall:
		case <-ctx.Done():
		}
	}
}

// settle has all that earlier connections of the place have left carried out before a later
// one is made, which is as late as it can be.
func (d *Device) settle(from origin) {
	if from.place == 0 {
		return
	}
	d.mu.Lock()
	d.fences[from.seat] = max(d.fences[from.seat], from.generation)
	var all []*remains
	for r := range d.remains {
		if r.seat == from.seat && r.generation < from.generation {
			all = append(all, r)
			r.now()
		}
	}
	d.mu.Unlock()
	for _, r := range all {
		<-r.done
	}
}

func (r *remains) free() {
	for _, w := range r.writes {
		w.data.free()
	}
}

// carryOut writes over a connection without a place: to the server it is as if the old
// connection went on.
func (r *remains) carryOut(d *Device) error {
	ctx, cancel := context.WithTimeout(d.running, lateDeadline)
	defer cancel()
	conn, err := d.inner.Connect(ctx, r.address, r.cred, verbs.QPConfig{Depth: 1})
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: 16})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	qp, err := conn.Attach(loop, nil)
	if err != nil {
		return errors.Join(err, loop.Close())
	}
	for i := 0; i < len(r.writes) && err == nil; i++ {
		if err = r.write(ctx, loop, qp, &r.writes[i]); err == nil {
			d.late.Add(1)
		}
	}
	qp.Fail(nil)
	var done [1]verbs.Completion
	for qp.Outstanding() > 0 {
		if qp.Poll(done[:]) == 0 {
			err = errors.Join(err, loop.Pass(time.Millisecond))
		}
	}
	return errors.Join(err, qp.Close(), loop.Close())
}

func (r *remains) write(ctx context.Context, loop *uring.Loop, qp verbs.QP, w *lateWrite) error {
	if err := qp.Post(&verbs.WR{Op: verbs.OpWrite, Local: w.data.mem, Remote: w.remote, Key: w.key}); err != nil {
		return err
	}
	qp.Doorbell()
	var done [1]verbs.Completion
	for qp.Poll(done[:]) == 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := loop.Pass(time.Millisecond); err != nil {
			return err
		}
	}
	return done[0].Status.Err()
}
