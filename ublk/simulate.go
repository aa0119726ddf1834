package ublk

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// SimulatedQueue is a Queue without a kernel: the caller plays the driver's part. It
// is for tests of targets, on machines without ublk. The Queue is the one that
// devices have, with a loop, buffers and descriptors of its own; commands to the
// driver end here instead of in the ring. Package ublktest makes a comfortable test
// bench of it.
//
// All methods belong to the thread that called SimulateQueue.
type SimulatedQueue struct {
	queue  *Queue
	answer func(tag int, res int32)
	held   []bool // by tag: the target has its request
	err    error  // the target's first offence against the protocol
}

// SimulateQueue opens queue index of a device that does not exist, with t as its
// target, on the calling OS thread, to which the goroutine must be locked. answer
// gets what the target completes requests with, from inside Queue.Complete. Memory is
// not locked.
func SimulateQueue(t Target, spec Spec, index int, answer func(tag int, res int32)) (*SimulatedQueue, error) {
	spec = spec.WithDefaults()
	if index < 0 || index >= spec.Queues {
		return nil, refuse("simulate queue %d of %d", index, spec.Queues)
	}
	valid := spec
	valid.Queues = min(spec.Queues, runtime.NumCPU()) // a simulated device may have more
	if err := valid.Validate(); err != nil {
		return nil, err
	}
	s := &SimulatedQueue{answer: answer, held: make([]bool, spec.Depth)}
	s.queue = &Queue{device: &Device{spec: spec}, index: index, simulation: s}
	if err := s.queue.open(t); err != nil {
		return nil, errors.Join(err, s.queue.close())
	}
	for tag := range spec.Depth {
		s.queue.command(ioFetch, tag, 0)
	}
	return s, nil
}

// Queue is what the target sees.
func (s *SimulatedQueue) Queue() *Queue { return s.queue }

// Request gives the target a request, in the driver's way: it writes the descriptor
// of the tag and completes the tag's fetch. The request must be one that the kernel
// would send; one that it would not is answered by the Queue, with -EIO.
//
// Preconditions: the target holds no request of the tag.
func (s *SimulatedQueue) Request(tag int, d Desc) {
	if s.held[tag] {
		panic(fmt.Sprintf("ublk: simulated request for tag %d, which is busy", tag))
	}
	raw := rawDesc{opFlags: uint32(d.Op), sectors: uint32(d.Length / SectorSize), startSector: uint64(d.Offset / SectorSize)}
	if d.Swap {
		raw.opFlags |= descSwap
	}
	*descriptor(s.queue.descs, tag) = raw
	s.held[tag] = true
	s.queue.Handle(uint64(tag), 0, 0)
}

// take gets a command for the driver.
func (s *SimulatedQueue) take(op uint32, tag int, res int32) {
	switch {
	case op == ioFetch:
		s.queue.live++
	case !s.held[tag]:
		s.offend(fmt.Errorf("tag %d is completed with %d, and the target holds no request of it", tag, res))
	default:
		s.held[tag] = false
		s.offend(s.judge(tag, res))
		s.answer(tag, res)
	}
}

// judge checks the result of a request against what the driver accepts.
func (s *SimulatedQueue) judge(tag int, res int32) error {
	d, err := descriptor(s.queue.descs, tag).parse(s.queue.bounds)
	if err != nil {
		return nil // answered by the Queue
	}
	most := int32(0)
	if d.Op == OpRead || d.Op == OpWrite {
		most = int32(d.Length)
	}
	if res > most {
		return fmt.Errorf("%v of %d bytes at %d is completed with %d: want %d at most", d.Op, d.Length, d.Offset, res, most)
	}
	return nil
}

func (s *SimulatedQueue) offend(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Close takes all tags back, runs the loop until the target is idle, as a queue's
// thread does when its device stops, and frees the queue. It returns what the target
// has done wrong since SimulateQueue: an answer without a request, a result that the
// driver would not accept, a buffer that was not released when the server had closed.
//
// Preconditions: the target holds no request.
func (s *SimulatedQueue) Close() error {
	q := s.queue
	for tag, held := range s.held {
		if held {
			return fmt.Errorf("close simulated queue %d: the target still holds tag %d: %w", q.index, tag, ErrState)
		}
		q.Handle(uint64(tag), -int32(unix.ENODEV), 0)
	}
	err := errors.Join(q.drain(), s.err, q.err, q.close())
	if spare := len(q.free); spare != q.device.spec.Spare {
		err = errors.Join(err, fmt.Errorf("queue %d: %d buffers are spare at the end, of %d", q.index, spare, q.device.spec.Spare))
	}
	return err
}

// mapDescriptors is the area that the driver would share.
func (s *SimulatedQueue) mapDescriptors(size int) ([]byte, error) {
	return offheap.Map(size, offheap.Options{Populate: true})
}
