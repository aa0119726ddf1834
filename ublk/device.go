package ublk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Target serves the requests of a device.
type Target interface {
	// OpenQueue is called once for each queue, on the queue's own locked OS
	// thread, before any request. What it attaches to q.Loop runs on that thread.
	OpenQueue(q *Queue) (Server, error)
}

// Server serves the requests of one queue, on the queue's thread.
type Server interface {
	// Serve begins request d of a tag, and ends it now or later with q.Complete.
	// The data of a write are in q.Buffer(tag); those of a read go there.
	Serve(tag int, d Desc)
	// Idle reports whether the server has no I/O of its own in flight. A queue
	// ends when the kernel has taken all tags back and the server is idle.
	Idle() bool
	// Close frees what the server holds. It is the last call.
	Close() error
}

// Device is a ublk device that this process added. Its methods may be called
// from any goroutine except those of its queues.
type Device struct {
	control *Control
	spec    Spec
	info    DevInfo
	char    *os.File

	recovered bool // it was another server's before
	left      bool // it stays in the kernel; see Leave. mu guards it

	mu      sync.Mutex // guards what follows
	started bool
	stopped bool
	deleted bool
	queues  []*Queue

	done chan struct{} // closed when every queue has ended
	err  error         // why, valid after done

	failed   atomic.Bool   // a queue has failed
	refusals atomic.Uint64 // commands that the driver has refused
	told     chan Refusal
}

// Add creates a device; nothing is left of it after an error. It fails with
// ErrSpec, ErrIDTaken, ErrUnsupported or ErrPermission.
func Add(c *Control, spec Spec) (*Device, error) {
	spec = spec.WithDefaults()
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	features, err := c.Features()
	if err != nil {
		return nil, err
	}
	if err := features.lacking(spec.Features()); err != nil {
		return nil, fmt.Errorf("add a device: %w", err)
	}
	info, err := c.add(DevInfo{
		Queues: uint16(spec.Queues), Depth: uint16(spec.Depth), MaxIO: uint32(spec.MaxIO),
		ID: uint32(spec.ID), Flags: spec.Features() | spec.wished()&features,
	})
	if err != nil {
		return nil, err
	}
	d := &Device{control: c, spec: spec, info: info, done: make(chan struct{}), told: make(chan Refusal, 16)}
	if err := d.setUp(); err != nil {
		return nil, errors.Join(err, d.Delete())
	}
	return d, nil
}

func (d *Device) setUp() error {
	if err := d.info.Flags.lacking(d.spec.Features()); err != nil {
		return fmt.Errorf("add device %d: the driver did not grant what it knows: %w", d.ID(), err)
	}
	if err := d.checkShape("add"); err != nil {
		return err
	}
	if err := d.control.setParams(d.ID(), d.spec.params()); err != nil {
		return err
	}
	if err := d.checkParams("add"); err != nil {
		return err
	}
	var err error
	d.char, err = openSoon(d.CharPath())
	return err
}

// checkShape returns ErrSpec if the device has other queues than its specification.
func (d *Device) checkShape(doing string) error {
	i := d.info
	if int(i.Queues) != d.spec.Queues || int(i.Depth) != d.spec.Depth || int(i.MaxIO) != d.spec.MaxIO {
		return fmt.Errorf("%s device %d: it has %d queues of depth %d with %d bytes, want %d, %d, %d: %w",
			doing, d.ID(), i.Queues, i.Depth, i.MaxIO, d.spec.Queues, d.spec.Depth, d.spec.MaxIO, ErrSpec)
	}
	if i.ioDescSize != 0 && i.ioDescSize != ioDescSize {
		return fmt.Errorf("%s device %d: descriptors of %d bytes, want %d: %w", doing, d.ID(), i.ioDescSize, ioDescSize, ErrUnsupported)
	}
	return nil
}

// checkParams returns ErrSpec if the driver has other parameters than those of the specification.
func (d *Device) checkParams(doing string) error {
	want := d.spec.params()
	got, err := d.control.getParams(d.ID())
	if err != nil {
		return err
	}
	if got.basic != want.basic || got.types&want.types != want.types {
		return fmt.Errorf("%s device %d: its parameters are %+v, want %+v: %w", doing, d.ID(), got, want, ErrSpec)
	}
	return nil
}

// openSoon opens a device node that the kernel or udev is just making, or that a server which
// ends still has open.
func openSoon(path string) (*os.File, error) {
	for end := time.Now().Add(quickDeadline); ; time.Sleep(5 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return nil, openError(path, err)
		}
	}
}

// ID is the device's number.
func (d *Device) ID() int { return int(d.info.ID) }

// Info is the device's shape as the driver granted it.
func (d *Device) Info() DevInfo { return d.info }

// Path is the block device.
func (d *Device) Path() string { return BlockPath(d.ID()) }

// CharPath is the device through which this process serves it.
func (d *Device) CharPath() string { return fmt.Sprint(charPrefix, d.ID()) }

// BlockPath is the block device of number id.
func BlockPath(id int) string { return fmt.Sprint(blockPrefix, id) }

// Start opens the queues and makes the block device appear. When it returns, the
// device takes I/O. After an error, deleting is all that can be done with the device. One that
// is being recovered is left in the kernel instead, and another attempt can recover it.
func (d *Device) Start(t Target) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.started || d.deleted {
		return fmt.Errorf("start device %d a second time: %w: delete it and add another", d.ID(), ErrState)
	}
	d.started = true
	if err := d.openQueues(t); err != nil {
		close(d.done)
		err = fmt.Errorf("start device %d: %w", d.ID(), err)
		if d.recovered {
			return errors.Join(err, d.leave())
		}
		d.stopped = true
		return err
	}
	go d.watch()
	if d.recovered {
		return d.takeOver()
	}
	if err := d.control.start(d.ID()); err != nil {
		return errors.Join(err, d.stop())
	}
	if d.spec.Scheduler != "" {
		// What the kernel refuses is no error: see Spec.Scheduler.
		_ = os.WriteFile(d.schedulerFile(), []byte(d.spec.Scheduler), 0)
	}
	return nil
}

func (d *Device) schedulerFile() string {
	return filepath.Join("/sys/block", filepath.Base(d.Path()), "queue/scheduler")
}

// Scheduler is the I/O scheduler that the kernel uses for a started device.
func (d *Device) Scheduler() (string, error) {
	text, err := os.ReadFile(d.schedulerFile())
	if err != nil {
		return "", fmt.Errorf("I/O scheduler of device %d: %w", d.ID(), err)
	}
	return chosen(string(text)), nil
}

// chosen is the choice in a list of sysfs such as "none [mq-deadline]".
func chosen(list string) string {
	_, after, _ := strings.Cut(list, "[")
	name, _, _ := strings.Cut(after, "]")
	return name
}

// openQueues starts the queue threads. They end by themselves after an error.
func (d *Device) openQueues(t Target) error {
	ready := make(chan error)
	for i := range d.spec.Queues {
		q := &Queue{device: d, index: i, ahead: make(chan bool, 1), ended: make(chan struct{})}
		go q.run(t, ready)
		d.queues = append(d.queues, q)
	}
	var errs error
	for range d.queues {
		errs = errors.Join(errs, <-ready)
	}
	if errs == nil {
		for _, q := range d.queues {
			q.proceed()
		}
		return nil
	}
	for _, q := range d.queues {
		q.abandon()
		<-q.ended
	}
	return errs
}

// watch collects the ends of the queues.
func (d *Device) watch() {
	for _, q := range d.queues {
		<-q.ended
		d.err = errors.Join(d.err, q.err)
	}
	close(d.done)
}

// Done is closed when every queue has ended: after Stop, or because a queue
// failed, which Err tells.
func (d *Device) Done() <-chan struct{} { return d.done }

// Err says why the queues ended, once Done is closed: nil after Stop.
func (d *Device) Err() error {
	select {
	case <-d.done:
		return d.err
	default:
		return nil
	}
}

// Stop makes the block device disappear when all requests in flight are
// answered, and ends the queues. The caller makes sure that nobody uses it.
func (d *Device) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stop()
}

func (d *Device) stop() error {
	if !d.started || d.stopped {
		return nil
	}
	if err := d.control.Stop(d.ID()); err != nil {
		return err
	}
	d.stopped = true
	select {
	case <-d.done:
		return nil
	case <-time.After(slowDeadline):
		return fmt.Errorf("stop device %d: its queues still hold requests after %v: %w", d.ID(), slowDeadline, ErrTimeout)
	}
}

// Leave gives up a device whose queues have failed, or that was taken over and not started, and leaves
// it in the kernel, as if this process had died: the driver does with its I/O what Spec.Recovery says, another server can
// recover it, and Control.Delete removes it. Afterwards Stop and Delete do nothing. It fails
// with ErrState while queues run.
func (d *Device) Leave() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.done:
	default:
		if d.started {
			return fmt.Errorf("leave device %d: its queues run: %w", d.ID(), ErrState)
		}
	}
	switch {
	case d.left:
		return nil
	case d.stopped || d.deleted:
		return fmt.Errorf("leave device %d, which is stopped: %w", d.ID(), ErrState)
	}
	return d.leave()
}

func (d *Device) leave() error {
	d.left, d.stopped, d.deleted = true, true, true
	if d.char == nil {
		return nil
	}
	if err := d.char.Close(); err != nil {
		return fmt.Errorf("close %s: %w", d.CharPath(), err)
	}
	return nil
}

// Delete stops the device if need be and gives its number back.
func (d *Device) Delete() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deleted {
		return nil
	}
	if err := d.stop(); err != nil {
		return err
	}
	if d.char != nil {
		if err := d.char.Close(); err != nil {
			return fmt.Errorf("close %s: %w", d.CharPath(), err)
		}
	}
	if err := d.control.Delete(d.ID()); err != nil {
		return err
	}
	d.deleted = true
	return nil
}
