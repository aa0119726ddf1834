package pathmodel

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slotBytes is a page for the request and one for its data.
const slotBytes = 2 * pageSize

// slot is a request of one application thread, in memory that two processes share. Each thread
// has a slot of its own. The application writes all fields but word and res, and the device
// reads them, between the message and the answer.
type slot struct {
	word uint32 // number of the last request that was answered: the application waits here
	seq  uint32 // number of the request under way
	op   uint32 // ublk.Op
	res  int32  // bytes done, or a negated errno; valid when word is seq
	page uint64 // which page of the device
}

// area is the memory of all slots. Its methods may be called from any thread.
type area struct {
	mem   []byte
	cause atomic.Pointer[error] // why nobody answers any more, nil: somebody does
	over  chan struct{}         // closed by abort

	mu sync.Mutex // abort and close hold it
}

// newArea makes an area of n slots, and the file with which another process maps it.
func newArea(n int) (a *area, f *os.File, err error) {
	fd, err := unix.MemfdCreate("bench-path", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("make memory to share: %w", err)
	}
	f = os.NewFile(uintptr(fd), "bench-path")
	if err := f.Truncate(int64(n) * slotBytes); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if a, err = mapArea(f); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return a, f, nil
}

// mapArea maps an area that another process has made.
func mapArea(f *os.File) (*area, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of shared memory: %w", info.Size(), err)
	}
	return &area{mem: mem, over: make(chan struct{})}, nil
}

// slots is how many slots the area has.
func (a *area) slots() int { return len(a.mem) / slotBytes }

// slot returns slot i, and the page of its data.
func (a *area) slot(i int) (*slot, []byte) {
	at := i * slotBytes
	return (*slot)(unsafe.Pointer(&a.mem[at])), a.mem[at+pageSize : at+slotBytes : at+slotBytes]
}

// close unmaps the area. Nobody waits in it. Aborting it afterwards does nothing.
func (a *area) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cause.CompareAndSwap(nil, &errAborted)
	return unix.Munmap(a.mem)
}
