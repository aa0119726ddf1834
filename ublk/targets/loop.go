package targets

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
)

// loopBlock is the unit of a Loop's requests, in bytes. Every disk accepts direct
// I/O in it.
const loopBlock = 4096

// Loop passes every request on to a file or block device, one to one, as the
// kernel's loop driver does. Discards and writes of zeros punch holes, which every
// file system with discards can.
type Loop struct {
	file *os.File
	size int64
}

var _ ublk.Target = (*Loop)(nil)

// OpenLoop opens a file or block device that is there, with O_DIRECT where its file system has
// it. It follows no link to a file, and takes no disk that is mounted or used as swap (unix.EBUSY).
// Whose the file is, and who else uses it, is for the caller to look at. Close it when the device is
// deleted.
func OpenLoop(path string) (*Loop, error) {
	f, err := openLoopFile(path)
	if err != nil {
		return nil, fmt.Errorf("open the loop target: %w", err)
	}
	size, err := f.Seek(0, 2)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("size of %s: %w", path, err), f.Close())
	}
	if size < loopBlock {
		return nil, errors.Join(fmt.Errorf("loop target %s has %d bytes: want at least %d: %w", path, size, loopBlock, ublk.ErrSpec), f.Close())
	}
	return &Loop{file: f, size: size / loopBlock * loopBlock}, nil
}

func openLoopFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	flags := os.O_RDWR | unix.O_NONBLOCK // not to wait for a FIFO that has just taken its place
	switch {
	case info.Mode().IsRegular():
		flags |= unix.O_NOFOLLOW
	case info.Mode().Type() == os.ModeDevice: // not a character device
		flags |= os.O_EXCL
	default:
		return nil, fmt.Errorf("%s is neither a file nor a block device: give one of these", path)
	}
	f, err := os.OpenFile(path, flags|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) { // tmpfs before 6.6, some network file systems
		f, err = os.OpenFile(path, flags, 0)
	}
	return f, err
}

// File is the open file. Close closes it.
func (l *Loop) File() *os.File { return l.file }

// Size is the size of the file in bytes, in whole blocks of 4096.
func (l *Loop) Size() int64 { return l.size }

// Spec is what the file can be served as: completed writes are durable after a
// flush.
func (l *Loop) Spec() ublk.Spec {
	return ublk.Spec{ID: -1, Size: l.size, BlockSize: loopBlock, MaxDiscard: mostDiscard, WriteCache: true}
}

// Close closes the file.
func (l *Loop) Close() error { return l.file.Close() }

// OpenQueue implements ublk.Target.
func (l *Loop) OpenQueue(q *ublk.Queue) (ublk.Server, error) {
	if err := q.RegisterFile(ublk.FirstFileSlot, int32(l.file.Fd())); err != nil {
		return nil, err
	}
	s := &loopServer{queue: q, results: make([]int32, q.Depth())}
	s.class = q.Loop().Attach(s)
	return s, nil
}

type loopServer struct {
	queue   *ublk.Queue
	class   uring.Class
	results []int32 // by tag: what to answer when its I/O succeeds
}

func (s *loopServer) Serve(tag int, d ublk.Desc) {
	sqe := s.queue.Loop().SQE(s.class, uint64(tag))
	buf := s.queue.Buffer(tag)
	s.results[tag] = 0
	switch d.Op {
	case ublk.OpRead:
		sqe.ReadFixed(ublk.FirstFileSlot, offheap.Pointer(buf), uint32(d.Length), uint64(d.Offset), 0)
		s.results[tag] = int32(d.Length)
	case ublk.OpWrite:
		sqe.WriteFixed(ublk.FirstFileSlot, offheap.Pointer(buf), uint32(d.Length), uint64(d.Offset), 0)
		s.results[tag] = int32(d.Length)
	case ublk.OpFlush:
		sqe.Fsync(ublk.FirstFileSlot, true)
	case ublk.OpDiscard, ublk.OpWriteZeroes: // a hole reads as zeros
		sqe.Fallocate(ublk.FirstFileSlot, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, uint64(d.Offset), uint64(d.Length))
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
