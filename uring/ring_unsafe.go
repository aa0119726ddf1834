package uring

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// submission is the submission ring: we produce, the kernel consumes.
type submission struct {
	head, tail *uint32 // shared
	mask       uint32
	entries    uint32
	sqes       unsafe.Pointer
	stride     uintptr // bytes from one SQE to the next: 64 or 128
	local      uint32  // tail including what is not yet published
	published  uint32  // tail as published
}

func (s *submission) next() *SQE {
	if s.local-atomic.LoadUint32(s.head) >= s.entries {
		return nil
	}
	slot := unsafe.Add(s.sqes, uintptr(s.local&s.mask)*s.stride)
	clear(unsafe.Slice((*byte)(slot), s.stride))
	s.local++
	return (*SQE)(slot)
}

// free counts the slots that are not taken.
func (s *submission) free() uint32 { return s.entries - (s.local - atomic.LoadUint32(s.head)) }

// prepared says whether there are SQEs that the kernel does not know of.
func (s *submission) prepared() bool { return s.published != s.local }

// publish makes the prepared SQEs visible and returns how many the kernel has
// not consumed yet.
func (s *submission) publish() uint32 {
	if s.published != s.local {
		s.published = s.local
		atomic.StoreUint32(s.tail, s.local)
	}
	return s.local - atomic.LoadUint32(s.head)
}

// completion is the completion ring: the kernel produces, we consume.
type completion struct {
	head, tail *uint32 // shared
	mask       uint32
	cqes       unsafe.Pointer
	local      uint32 // head
}

func (c *completion) ready() uint32 { return atomic.LoadUint32(c.tail) - c.local }

func (c *completion) next() (CQE, bool) {
	if c.ready() == 0 {
		return CQE{}, false
	}
	cqe := *(*CQE)(unsafe.Add(c.cqes, uintptr(c.local&c.mask)*cqeSize))
	c.local++
	atomic.StoreUint32(c.head, c.local)
	return cqe, true
}

// waitArg is what a timed wait points the kernel to.
type waitArg struct {
	arg getEventsArg
	ts  Timespec
}

func newRing(fd int, p *ringParams, keepProc bool) (*Ring, error) {
	r := &Ring{fd: fd, flags: p.flags, freeWait: func() error { return nil }}
	if keepProc {
		r.patience = keepingWaits
	}
	if err := r.build(p); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Ring) build(p *ringParams) error {
	if p.features&featSingleMmap == 0 || p.features&featExtArg == 0 {
		return fmt.Errorf("io_uring features %#x: Linux 5.19 or newer is needed: %w", p.features, ErrUnsupported)
	}
	stride := uintptr(sqeSize)
	if p.flags&setupSQE128 != 0 {
		stride *= 2
	}
	ringSize := max(int(p.sq.array)+int(p.sqEntries)*4, int(p.cq.cqes)+int(p.cqEntries)*cqeSize)
	ring, err := r.mmap(offSQRing, ringSize)
	if err != nil {
		return err
	}
	sqes, err := r.mmap(offSQEs, int(p.sqEntries)*int(stride))
	if err != nil {
		return err
	}
	at := func(off uint32) *uint32 { return (*uint32)(unsafe.Add(offheap.Pointer(ring), off)) }
	r.sq = submission{
		head: at(p.sq.head), tail: at(p.sq.tail), mask: *at(p.sq.mask),
		entries: p.sqEntries, sqes: offheap.Pointer(sqes), stride: stride,
	}
	r.cq = completion{
		head: at(p.cq.head), tail: at(p.cq.tail), mask: *at(p.cq.mask),
		cqes: unsafe.Pointer(at(p.cq.cqes)),
	}
	if p.flags&setupNoSQArray == 0 {
		// Slot i of the submission ring always names SQE i.
		array := unsafe.Slice(at(p.sq.array), p.sqEntries)
		for i := range array {
			array[i] = uint32(i)
		}
	}
	r.wait, r.freeWait, err = offheap.New[waitArg](1)
	return err
}

func (r *Ring) mmap(off int64, size int) ([]byte, error) {
	m, err := unix.Mmap(r.fd, off, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of io_uring at %#x: %w", size, off, err)
	}
	r.mappings = append(r.mappings, m)
	return m, nil
}

func sysSetup(entries uint32, p *ringParams) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// keepingWaits is how many waits in a row the runtime may interrupt before a wait
// gives its P up, for rings with Config.KeepProc. It interrupts one about every
// 10 ms, unless asynchronous preemption is off: then no wait may keep a P.
var keepingWaits = func() int {
	if strings.Contains(os.Getenv("GODEBUG"), "asyncpreemptoff=1") {
		return 0
	}
	return 16
}()

// sysEnter enters the kernel. With Config.KeepProc a wait keeps the P of its
// thread (RawSyscall6). Without it (Syscall6) the runtime's monitor thread takes
// the P back every 20 µs: it judges by the scheduler's ticks, which do not advance
// on a thread that runs one goroutine forever. A busy loop then pays for futexes
// and foreign wake-ups with each wait.
//
// A P that is kept can hold up others, for example when the runtime stops the
// world. The runtime then signals the thread (SIGURG) again and again, and a signal
// ends the wait with EINTR: see runtime.preemptall. A signal comes every 10 ms in
// any case, so a loop without work soon waits in Syscall6, and disturbs nobody.
func (r *Ring) sysEnter(submit, wait, flags uint32, timeout time.Duration) (int, error) {
	if wait == 0 || timeout == 0 {
		call := unix.Syscall6 // an operation may wait while it is submitted
		if submit == 0 {
			call = unix.RawSyscall6
		}
		n, _, errno := call(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), 0, uintptr(flags), 0, 0)
		return result(n, errno)
	}
	w := &r.wait[0]
	w.arg = getEventsArg{}
	if timeout > 0 {
		w.ts = Timespec{Sec: int64(timeout / time.Second), Nsec: int64(timeout % time.Second)}
		w.arg.ts = uint64(uintptr(unsafe.Pointer(&w.ts)))
	}
	call := unix.RawSyscall6
	if r.interrupted >= r.patience {
		call = unix.Syscall6
	}
	n, _, errno := call(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(wait),
		uintptr(flags|enterExtArg), uintptr(unsafe.Pointer(&w.arg)), unsafe.Sizeof(w.arg))
	if errno == unix.EINTR {
		r.interrupted++
	} else {
		r.interrupted = 0
	}
	return result(n, errno)
}

func result(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (r *Ring) sysRegister(op int, arg unsafe.Pointer, n int) error {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), uintptr(op), uintptr(arg), uintptr(n), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (r *Ring) sysUpdateFile(slot int, fd int32) error {
	update := struct {
		offset, _ uint32
		fds       uint64
	}{offset: uint32(slot), fds: uint64(uintptr(unsafe.Pointer(&fd)))}
	return r.sysRegister(registerFilesUpdate, unsafe.Pointer(&update), 1)
}

func slicePointer[T any](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }
