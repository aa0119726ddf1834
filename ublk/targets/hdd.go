package targets

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
)

// DiskModel says how long a disk that turns takes for a request. A request that begins
// where the last one ended takes the transfer alone; the disk reads on into its track buffer
// between requests, and that part of the transfer takes no time. Every other request takes a
// seek, half a turn, and the transfer.
type DiskModel struct {
	Settle time.Duration // seek to the next track
	Stroke time.Duration // seek from one end of the disk to the other
	Turn   time.Duration // one revolution
	Rate   int64         // bytes per second under the head
}

// Disk7200 is a desktop disk of 7,200 revolutions a minute: 8 ms for a page at random, 150
// MB/s in sequence.
var Disk7200 = DiskModel{Settle: time.Millisecond, Stroke: 6200 * time.Microsecond, Turn: time.Minute / 7200, Rate: 150e6}

// String describes the model in the terms of a disk's data sheet.
func (m DiskModel) String() string {
	return fmt.Sprintf("%d rpm, seek %v to %v, %d MB/s in sequence", time.Minute/m.Turn, m.Settle, m.Stroke, m.Rate/1e6)
}

// Service is the time for a request of n bytes at offset. The disk has size bytes, its head
// is at byte head, and it has been without a request for the time idle. A seek grows with the
// square root of its distance, because the arm accelerates half the way.
func (m DiskModel) Service(head, offset, size int64, n int, idle time.Duration) time.Duration {
	transfer := time.Duration(float64(n) / float64(m.Rate) * float64(time.Second))
	if offset == head {
		return max(0, transfer-idle)
	}
	distance := math.Abs(float64(offset-head)) / float64(size)
	seek := m.Settle + time.Duration(float64(m.Stroke-m.Settle)*math.Sqrt(distance))
	return seek + m.Turn/2 + transfer
}

// HDD behaves like a hard disk: it keeps its blocks in locked memory and answers when its
// model would. It has one head, so its device has one queue of depth 1, and the kernel's
// scheduler sorts the requests that wait. The time that ublk and this process take for a
// request (some 15 µs, a millisecond on an emulated machine) comes on top of the model's,
// except in sequence.
type HDD struct {
	model DiskModel
	mem   []byte
}

var _ ublk.Target = (*HDD)(nil)

// OpenHDD takes size bytes of memory. Close it when the device is deleted.
func OpenHDD(model DiskModel, size int64) (*HDD, error) {
	mem, err := offheap.Map(int(size), offheap.Options{Lock: true, Purpose: "disk"})
	if err != nil {
		return nil, fmt.Errorf("memory of a hard disk: %w", err)
	}
	return &HDD{model: model, mem: mem}, nil
}

// Spec is the device that fits the disk: one queue, one request at a time.
func (h *HDD) Spec() ublk.Spec {
	return ublk.Spec{ID: -1, Size: int64(len(h.mem)), Queues: 1, Depth: 1, Rotational: true}
}

// Close gives the memory back.
func (h *HDD) Close() error { return offheap.Unmap(h.mem) }

// OpenQueue implements ublk.Target.
func (h *HDD) OpenQueue(q *ublk.Queue) (ublk.Server, error) {
	if q.Index() != 0 || q.Depth() != 1 {
		return nil, fmt.Errorf("queue %d of depth %d: a disk has one head: %w", q.Index(), q.Depth(), ublk.ErrSpec)
	}
	timer, free, err := offheap.New[uring.Timespec](1)
	if err != nil {
		return nil, err
	}
	s := &hddServer{disk: h, queue: q, timer: &timer[0], free: free}
	s.class = q.Loop().Attach(s)
	return s, nil
}

type hddServer struct {
	disk   *HDD
	queue  *ublk.Queue
	class  uring.Class
	timer  *uring.Timespec // off the heap: the kernel reads it
	free   func() error
	head   int64 // where the last request ended, bytes
	end    int64 // when it did, on the loop's clock
	answer int32 // what to complete the request with
}

func (s *hddServer) Serve(tag int, d ublk.Desc) {
	mem := s.disk.mem
	switch d.Op {
	case ublk.OpRead:
		copy(s.queue.Buffer(tag)[:d.Length], mem[d.Offset:])
	case ublk.OpWrite:
		copy(mem[d.Offset:], s.queue.Buffer(tag)[:d.Length])
	default: // the device announces no other operation
		s.queue.Complete(tag, -int32(unix.EOPNOTSUPP))
		return
	}
	now := s.queue.Loop().Now()
	took := s.disk.model.Service(s.head, d.Offset, int64(len(mem)), d.Length, time.Duration(max(0, now-s.end)))
	s.head, s.end, s.answer = d.Offset+int64(d.Length), now+int64(took), int32(d.Length)
	*s.timer = uring.Timespec{Sec: int64(took / time.Second), Nsec: int64(took % time.Second)}
	s.queue.Loop().SQE(s.class, uint64(tag)).Timeout(s.timer, 0, 0)
}

// Handle gets the end of the request's time, which is -ETIME.
func (s *hddServer) Handle(id uint64, res int32, _ uint32) {
	answer := s.answer
	if !errors.Is(unix.Errno(-res), unix.ETIME) {
		answer = -int32(unix.EIO)
	}
	s.queue.Complete(int(id), answer)
}

// Idle is always true: the timer belongs to a tag, which the kernel waits for.
func (s *hddServer) Idle() bool { return true }

func (s *hddServer) Close() error { return s.free() }
