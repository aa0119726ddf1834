package ublk

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
)

// Loop is the target that passes every request on to a file or block device,
// one to one, as the kernel's loop driver does. Discards and writes of zeros punch
// holes, which every file system with discards can.
type Loop struct {
	file *os.File
	size int64
}

// OpenLoop opens path, with O_DIRECT where its file system has it. Close it
// when the device is deleted.
func OpenLoop(path string) (*Loop, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) { // tmpfs before 6.6, some network file systems
		f, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("open the loop target: %w", err)
	}
	size, err := f.Seek(0, 2)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("size of %s: %w", path, err), f.Close())
	}
	if size < BlockSize {
		return nil, errors.Join(fmt.Errorf("loop target %s has %d bytes: want at least %d: %w", path, size, BlockSize, ErrSpec), f.Close())
	}
	return &Loop{file: f, size: size / BlockSize * BlockSize}, nil
}

// Size is the size of the file in bytes, in whole blocks.
func (l *Loop) Size() int64 { return l.size }

// Close closes the file.
func (l *Loop) Close() error { return l.file.Close() }

// OpenQueue implements Target.
func (l *Loop) OpenQueue(q *Queue) (Server, error) {
	if err := q.RegisterFile(FirstFileSlot, int32(l.file.Fd())); err != nil {
		return nil, err
	}
	s := &loopServer{queue: q, results: make([]int32, q.Depth())}
	s.class = q.Loop().Attach(s)
	return s, nil
}

type loopServer struct {
	queue   *Queue
	class   uring.Class
	results []int32 // by tag: what to answer when its I/O succeeds
}

func (s *loopServer) Serve(tag int, d Desc) {
	sqe := s.queue.Loop().SQE(s.class, uint64(tag))
	buf := s.queue.Buffer(tag)
	s.results[tag] = 0
	switch d.Op {
	case OpRead:
		sqe.ReadFixed(FirstFileSlot, offheap.Pointer(buf), uint32(d.Length), uint64(d.Offset), 0)
		s.results[tag] = int32(d.Length)
	case OpWrite:
		sqe.WriteFixed(FirstFileSlot, offheap.Pointer(buf), uint32(d.Length), uint64(d.Offset), 0)
		s.results[tag] = int32(d.Length)
	case OpFlush:
		sqe.Fsync(FirstFileSlot, true)
	case OpDiscard, OpWriteZeroes: // a hole reads as zeros
		sqe.Fallocate(FirstFileSlot, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, uint64(d.Offset), uint64(d.Length))
	}
	sqe.Flags |= uring.FixedFile
}

// Handle gets the file's answer. A short read or write is an error to the
// kernel: a file that shrank must not pass for zeros.
func (s *loopServer) Handle(id uint64, res int32, _ uint32) {
	tag := int(id)
	if res >= 0 && res != s.results[tag] {
		res = -int32(unix.EIO)
	}
	s.queue.Complete(tag, res)
}

// Idle is always true: each I/O belongs to a tag, which the kernel waits for.
func (s *loopServer) Idle() bool { return true }

func (s *loopServer) Close() error { return nil }
