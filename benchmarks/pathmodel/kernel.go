package pathmodel

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
)

// kernel plays the driver of a device with one queue, whose requests are in an area. The slot
// of a request is its tag.
type kernel struct {
	area *area
	made *modelDevice // nil before Add
}

// Add implements devserver.Driver.
func (k *kernel) Add(spec ublk.Spec) (devserver.Device, error) {
	if spec.Queues != 1 || spec.Depth < k.area.slots() {
		return nil, fmt.Errorf("a device of %d queues of depth %d for %d threads: %w", spec.Queues, spec.Depth, k.area.slots(), ublk.ErrSpec)
	}
	k.made = &modelDevice{area: k.area, spec: spec, done: make(chan struct{})}
	return k.made, nil
}

// Recover implements devserver.Driver.
func (k *kernel) Recover(ublk.Spec) (devserver.Device, error) {
	return nil, fmt.Errorf("recover a model of a device: %w", ublk.ErrUnsupported)
}

// Info implements devserver.Driver.
func (k *kernel) Info(int) (ublk.DevInfo, error) { return k.made.Info(), nil }

// Close implements devserver.Driver.
func (k *kernel) Close() error { return nil }

// modelDevice is a device of a kernel. Messages to the ring of its queue's thread are requests.
type modelDevice struct {
	area *area
	spec ublk.Spec

	// The thread's, but constant once Start has returned.
	sim      *ublk.SimulatedQueue
	tid      int         // of the thread
	messages uring.Class // of requests
	wakes    uring.Class // of wake-ups that have failed

	over  bool // the thread's: it ends
	plain bool // the thread's: the kernel knows no wake-ups by SQE

	stop sync.Once
	done chan struct{}
	err  error // why the queue ended, valid after done
}

func (d *modelDevice) ID() int                       { return 0 }
func (d *modelDevice) Path() string                  { return "/dev/model" }
func (d *modelDevice) Failed() bool                  { return false }
func (d *modelDevice) Refused() uint64               { return 0 }
func (d *modelDevice) Refusals() <-chan ublk.Refusal { return nil }
func (d *modelDevice) Batches() (_, _ uint64)        { return 0, 0 }
func (d *modelDevice) Done() <-chan struct{}         { return d.done }
func (d *modelDevice) Err() error                    { return d.err }
func (d *modelDevice) Leave() error                  { return nil }

func (d *modelDevice) Info() ublk.DevInfo {
	return ublk.DevInfo{Queues: uint16(d.spec.Queues), Depth: uint16(d.spec.Depth), MaxIO: uint32(d.spec.MaxIO)}
}

func (d *modelDevice) Quiesce(time.Duration) error {
	return fmt.Errorf("quiesce a model of a device: %w", ublk.ErrUnsupported)
}

// Start implements devserver.Device.
func (d *modelDevice) Start(target ublk.Target) error {
	opened := make(chan error)
	go d.run(target, opened)
	return <-opened
}

// run is the queue's thread.
func (d *modelDevice) run(target ublk.Target, opened chan<- error) {
	runtime.LockOSThread() // never unlocked: the target may have changed the thread
	var err error
	if d.sim, err = ublk.SimulateQueue(target, d.spec, 0, d.answered); err != nil {
		opened <- err
		return
	}
	loop := d.sim.Queue().Loop()
	d.tid = unix.Gettid()
	d.messages = loop.Attach(uring.HandlerFunc(d.request))
	d.wakes = loop.Attach(uring.HandlerFunc(d.notWoken))
	opened <- nil
	for !d.over && err == nil {
		err = loop.Pass(-1)
	}
	d.err = errors.Join(err, d.sim.Close())
	close(d.done)
}

// ring is the file to which messages go.
func (d *modelDevice) ring() int { return d.sim.Queue().Loop().Ring().FD() }

// request gets a message: slot id has a request.
func (d *modelDevice) request(id uint64, _ int32, _ uint32) {
	tag := int(id)
	if tag >= d.area.slots() {
		return
	}
	s, page := d.area.slot(tag)
	desc := ublk.Desc{Op: ublk.Op(s.op), Offset: int64(s.page) * pageSize, Length: pageSize}
	if isWrite(desc.Op) {
		copy(d.sim.Queue().Buffer(tag), page)
	}
	d.sim.Request(tag, desc)
}

// answered gives the application its answer.
func (d *modelDevice) answered(tag int, res int32) {
	s, page := d.area.slot(tag)
	if !isWrite(ublk.Op(s.op)) && res > 0 {
		copy(page, d.sim.Queue().Buffer(tag))
	}
	s.answer(res)
	if d.plain {
		futexWake(&s.word)
		return
	}
	sqe := d.sim.Queue().Loop().SQE(d.wakes, uint64(tag))
	sqe.FutexWake(pointer(&s.word), 1)
	sqe.Flags |= uring.SkipCQEOnSuccess
}

// notWoken gets the completion of a wake-up that the kernel does not know.
func (d *modelDevice) notWoken(id uint64, res int32, _ uint32) {
	if res == -int32(unix.EINVAL) {
		d.plain = true
	}
	s, _ := d.area.slot(int(id))
	futexWake(&s.word)
}

// Stop implements devserver.Device. Nobody has a request under way.
func (d *modelDevice) Stop() error {
	if d.sim == nil { // it was not started
		return nil
	}
	d.stop.Do(func() { d.sim.Queue().Loop().Post(func() { d.over = true }) })
	<-d.done
	return d.err
}

// Delete implements devserver.Device.
func (d *modelDevice) Delete() error { return d.Stop() }
