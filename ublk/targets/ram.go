package targets

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/ublk"
)

// RAM is a RAM disk. Its memory lies off the Go heap. The kernel gives it a page of
// memory at the first write to that page, and takes pages back that are discarded.
type RAM struct {
	mem  []byte
	page int // bytes of a memory page
}

var _ ublk.Target = (*RAM)(nil)

// OpenRAM makes a disk of size bytes, all zeros. Close it when its device is deleted.
func OpenRAM(size int64) (*RAM, error) {
	if size != int64(int(size)) {
		return nil, fmt.Errorf("RAM disk of %d bytes: this machine cannot address that: %w", size, ublk.ErrSpec)
	}
	mem, err := offheap.Map(int(size), offheap.Options{})
	if err != nil {
		return nil, fmt.Errorf("memory of a RAM disk: %w", err)
	}
	return &RAM{mem: mem, page: unix.Getpagesize()}, nil
}

// Spec is what the disk can be served as. Its blocks may be changed to any size, and
// its size to any smaller one.
func (r *RAM) Spec() ublk.Spec {
	return ublk.Spec{ID: -1, Size: int64(len(r.mem)), BlockSize: ublk.SectorSize, PhysicalBlock: r.page, MaxDiscard: mostDiscard}
}

// Close gives the memory back.
func (r *RAM) Close() error { return offheap.Unmap(r.mem) }

// OpenQueue implements ublk.Target.
func (r *RAM) OpenQueue(q *ublk.Queue) (ublk.Server, error) {
	return &ramServer{disk: r, queue: q}, nil
}

type ramServer struct {
	disk  *RAM
	queue *ublk.Queue
}

func (s *ramServer) Serve(tag int, d ublk.Desc) {
	var part []byte
	if d.Op != ublk.OpFlush {
		part = s.disk.mem[d.Offset : d.Offset+int64(d.Length)]
	}
	switch d.Op {
	case ublk.OpRead:
		s.queue.Complete(tag, int32(copy(s.queue.Buffer(tag), part)))
	case ublk.OpWrite:
		s.queue.Complete(tag, int32(copy(part, s.queue.Buffer(tag))))
	case ublk.OpFlush:
		s.queue.Complete(tag, 0)
	case ublk.OpDiscard, ublk.OpWriteZeroes:
		s.disk.zero(d.Offset, part)
		s.queue.Complete(tag, 0)
	default:
		s.queue.Complete(tag, -int32(unix.EOPNOTSUPP))
	}
}

// zero makes the part of the disk at offset zeros. It gives whole pages back to the
// kernel, which brings zeros at the next access.
func (r *RAM) zero(offset int64, part []byte) {
	page := int64(r.page)
	head := min(int(-offset&(page-1)), len(part))
	whole := (len(part) - head) &^ (r.page - 1)
	clear(part[:head])
	if whole > 0 {
		pages := part[head : head+whole]
		if err := unix.Madvise(pages, unix.MADV_DONTNEED); err != nil {
			clear(pages) // the process has locked its memory
		}
	}
	clear(part[head+whole:])
}

func (*ramServer) Idle() bool   { return true }
func (*ramServer) Close() error { return nil }
