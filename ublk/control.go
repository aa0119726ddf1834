package ublk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/uring"
)

// Deadlines of control commands. Most answer at once; those that wait for
// others (a partition scan, requests in flight, openers) get longer.
const (
	quickDeadline = 5 * time.Second
	slowDeadline  = 60 * time.Second
)

// Control is the driver's control file. It may be used from any goroutine.
type Control struct {
	file *os.File
}

// OpenControl opens the driver. It fails with ErrNoDriver or ErrPermission.
func OpenControl() (*Control, error) {
	f, err := os.OpenFile(controlPath, os.O_RDWR, 0)
	if err != nil {
		return nil, openError(controlPath, err)
	}
	return &Control{file: f}, nil
}

// Close closes the control file; devices stay as they are.
func (c *Control) Close() error { return c.file.Close() }

// request is one control command.
type request struct {
	name     string // for errors
	op       uint32
	id       int
	queue    uint16
	payload  []byte // in or out; off the Go heap
	data     uint64
	deadline time.Duration
}

const anyQueue = 0xffff // queue_id of commands that are not about a queue

// exec runs one command on a ring and thread of its own. A command that never
// returns then holds up its caller alone, and only until the deadline.
func (c *Control) exec(r request) error {
	if r.deadline == 0 {
		r.deadline = quickDeadline
	}
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		result <- c.submit(r)
	}()
	return <-result
}

func (c *Control) submit(r request) error {
	ring, err := uring.New(uring.Config{Entries: 1, SQE128: true})
	if err != nil {
		return fmt.Errorf("ublk %s: %w", r.name, err)
	}
	r.prepare(ring.SQE(), int32(c.file.Fd()))
	for end := time.Now().Add(r.deadline); ; {
		if err := ring.SubmitAndWait(1, time.Until(end)); err != nil {
			return errors.Join(fmt.Errorf("ublk %s, device %d: %w", r.name, r.id, err), ring.Close())
		}
		if cqe, ok := ring.Next(); ok {
			if cqe.Res < 0 {
				err = commandError(r.name, r.id, unix.Errno(-cqe.Res))
			}
			return errors.Join(err, ring.Close())
		}
		if !time.Now().Before(end) {
			// The ring is not closed: the kernel may still work on the command.
			return fmt.Errorf("ublk %s, device %d, after %v: %w: look at the kernel's log", r.name, r.id, r.deadline, ErrTimeout)
		}
	}
}

func (c *Control) askFeatures() (Flags, error) {
	var f Flags
	err := withPayload(func(p *Flags, mem []byte) error {
		err := c.exec(request{name: "get features", op: cmdGetFeatures, id: -1, queue: anyQueue, payload: mem})
		f = *p
		return err
	})
	return f, err
}

// Info describes device id. It fails with ErrNoDevice.
func (c *Control) Info(id int) (DevInfo, error) {
	var info DevInfo
	err := withPayload(func(p *DevInfo, mem []byte) error {
		err := c.exec(request{name: "get info", op: cmdGetInfo, id: id, queue: anyQueue, payload: mem})
		info = *p
		return err
	})
	return info, err
}

// Stop takes block device id away once its server has answered what it holds. It is
// meant for devices of other processes: Device.Stop is for one's own.
func (c *Control) Stop(id int) error {
	return c.exec(request{name: "stop", op: cmdStop, id: id, queue: anyQueue, deadline: slowDeadline})
}

// Delete removes device id. It waits until nobody has the char device open, so
// it fails with ErrTimeout while a server lives.
func (c *Control) Delete(id int) error {
	return c.exec(request{name: "delete", op: cmdDelete, id: id, queue: anyQueue, deadline: slowDeadline})
}

// DeleteWithin removes device id, and waits no longer than wait for those who have it open. With
// ErrTimeout the device is removed all the same: its number is free once the last has closed it.
func (c *Control) DeleteWithin(id int, wait time.Duration) error {
	return c.exec(request{name: "delete", op: cmdDelete, id: id, queue: anyQueue, deadline: wait})
}

func (c *Control) add(want DevInfo) (DevInfo, error) {
	var got DevInfo
	err := withPayload(func(p *DevInfo, mem []byte) error {
		*p = want
		err := c.exec(request{name: "add", op: cmdAdd, id: int(int32(want.ID)), queue: anyQueue, payload: mem})
		got = *p
		return err
	})
	return got, err
}

func (c *Control) setParams(id int, want params) error {
	return withPayload(func(p *params, mem []byte) error {
		*p = want
		p.len = uint32(len(mem))
		return c.exec(request{name: "set parameters", op: cmdSetParams, id: id, queue: anyQueue, payload: mem})
	})
}

func (c *Control) getParams(id int) (params, error) {
	var got params
	err := withPayload(func(p *params, mem []byte) error {
		p.len = uint32(len(mem))
		err := c.exec(request{name: "get parameters", op: cmdGetParams, id: id, queue: anyQueue, payload: mem})
		got = *p
		return err
	})
	return got, err
}

func (c *Control) start(id int) error {
	return c.exec(request{name: "start", op: cmdStart, id: id, queue: anyQueue, data: uint64(os.Getpid()), deadline: slowDeadline})
}

// startRecovery readies device id for another server. The driver answers that it is in use until the old
// server has closed the char device.
func (c *Control) startRecovery(id int) error {
	return c.exec(request{name: "start recovery", op: cmdStartRecovery, id: id, queue: anyQueue})
}

// endRecovery makes this process the server of device id. It waits until every tag is fetched.
func (c *Control) endRecovery(id int) error {
	return c.exec(request{name: "end recovery", op: cmdEndRecovery, id: id, queue: anyQueue, data: uint64(os.Getpid()), deadline: slowDeadline})
}

// quiesce takes the tags of device id back between two requests, within a time.
func (c *Control) quiesce(id int, within time.Duration) error {
	return c.exec(request{name: "quiesce", op: cmdQuiesce, id: id, queue: anyQueue, data: uint64(within.Milliseconds()), deadline: within + quickDeadline})
}

// affinity is the set of CPUs whose requests come through queue q.
func (c *Control) affinity(id, q int) (unix.CPUSet, error) {
	var set unix.CPUSet
	err := withPayload(func(p *unix.CPUSet, mem []byte) error {
		err := c.exec(request{name: "get affinity", op: cmdGetAffinity, id: id, queue: uint16(q), data: uint64(q), payload: mem})
		set = *p
		return err
	})
	return set, err
}
