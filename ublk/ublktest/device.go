package ublktest

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/farswap/farswap/ublk"
)

// Device is a device without a kernel. Its queues are simulated; each has a thread of
// its own.
type Device struct {
	spec   ublk.Spec
	queues []*Queue
}

// Open puts a target on a device with the given specification. The test closes it at
// its end, and fails if Close does.
func Open(t testing.TB, target ublk.Target, spec ublk.Spec) *Device {
	t.Helper()
	d := &Device{spec: spec.WithDefaults()}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range d.spec.Queues {
		q, err := openQueue(target, d.spec, i)
		if err != nil {
			t.Fatalf("open queue %d: %v", i, err)
		}
		d.queues = append(d.queues, q)
	}
	return d
}

// Spec is the specification, with its defaults.
func (d *Device) Spec() ublk.Spec { return d.spec }

// Queues are the device's queues, in order.
func (d *Device) Queues() []*Queue { return d.queues }

// Close waits until every request is answered, closes the queues, and returns what
// the target has done wrong: see ublk.SimulatedQueue.Close. Closing twice is allowed.
func (d *Device) Close() error {
	var err error
	for _, q := range d.queues {
		err = errors.Join(err, q.close())
	}
	d.queues = nil
	return err
}

// Queue is a simulated queue with a thread.
type Queue struct {
	sim      *ublk.SimulatedQueue // belongs to the thread
	free     chan int             // tags without a request
	requests []request            // by tag: the thread's while a request is under way
	stopped  bool                 // the thread's
	ended    chan error
}

// request is what Do waits for.
type request struct {
	desc ublk.Desc
	data []byte
	done chan int32
}

func openQueue(target ublk.Target, spec ublk.Spec, index int) (*Queue, error) {
	q := &Queue{free: make(chan int, spec.Depth), requests: make([]request, spec.Depth), ended: make(chan error, 1)}
	for tag := range spec.Depth {
		q.requests[tag].done = make(chan int32, 1)
		q.free <- tag
	}
	opened := make(chan error)
	go q.run(target, spec, index, opened)
	return q, <-opened
}

// run is the queue's thread.
func (q *Queue) run(target ublk.Target, spec ublk.Spec, index int, opened chan<- error) {
	runtime.LockOSThread() // never unlocked: the target may have changed the thread
	sim, err := ublk.SimulateQueue(target, spec, index, q.answered)
	q.sim = sim
	opened <- err
	if err != nil {
		return
	}
	for !q.stopped {
		if err := sim.Queue().Loop().Pass(-1); err != nil {
			panic(fmt.Sprintf("ublktest: the loop of queue %d has failed: %v", index, err)) // everybody would wait for ever
		}
	}
	q.ended <- sim.Close()
}

// Index is the queue's number.
func (q *Queue) Index() int { return q.sim.Queue().Index() }

// Do carries out one request and returns its result: the bytes done, 0, or a negated
// errno. data is what a write brings, as long as the request, and where a read leaves
// what it found; other operations have none. Do waits for a free tag first. It may be
// called from any goroutine.
func (q *Queue) Do(d ublk.Desc, data []byte) int32 {
	tag := <-q.free
	r := &q.requests[tag]
	q.sim.Queue().Loop().Post(func() {
		r.desc, r.data = d, data
		if d.Op == ublk.OpWrite {
			copy(q.data(tag), data)
		} else {
			spoil(q.data(tag)) // a read that fills nothing does not pass
		}
		q.sim.Request(tag, d)
	})
	res := <-r.done
	q.free <- tag
	return res
}

// answered takes what the target says of a request, on the thread.
func (q *Queue) answered(tag int, res int32) {
	r := &q.requests[tag]
	data := q.data(tag)
	if r.desc.Op == ublk.OpRead && res > 0 {
		copy(r.data, data[:min(int(res), len(data))])
	}
	spoil(data) // it is the kernel's until the tag's next request
	r.done <- res
}

// data is the part of a tag's buffer that its request is about.
func (q *Queue) data(tag int) []byte {
	buffer := q.sim.Queue().Buffer(tag)
	d := q.requests[tag].desc
	if d.Op != ublk.OpRead && d.Op != ublk.OpWrite {
		return nil
	}
	return buffer[:min(d.Length, len(buffer))]
}

// spoil makes a buffer's content useless.
func spoil(b []byte) {
	for i := range b {
		b[i] = 0xa5
	}
}

// close ends the thread when no request is under way.
func (q *Queue) close() error {
	for range cap(q.free) {
		<-q.free
	}
	q.sim.Queue().Loop().Post(func() { q.stopped = true })
	return <-q.ended
}
