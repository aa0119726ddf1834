package offheap

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrLocked is wrapped by Map when memory cannot be locked.
var ErrLocked = errors.New("memory cannot be locked")

// Options says how Map prepares memory.
type Options struct {
	Huge     bool   // ask for transparent huge pages (madvise, best effort)
	Lock     bool   // mlock: the memory is resident and stays so
	Populate bool   // touch every page now; implied by Lock
	Purpose  string // what the memory is for, in the owner's words; see Mappings
}

// Map returns size bytes of zeroed, page-aligned private memory. size is
// rounded up to the page size for the mapping; the slice has exactly size
// bytes. It may be called from any goroutine.
func Map(size int, opt Options) ([]byte, error) {
	if size <= 0 {
		return nil, fmt.Errorf("map %d bytes: %w", size, unix.EINVAL)
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of memory: %w", size, err)
	}
	if err := prepare(mem, opt, touch); err != nil {
		return nil, err
	}
	return mem, nil
}

// MapFile is Map of the first size bytes of a file in memory, which the file must have: a file of a
// tmpfs or of memfd_create(2). The memory is shared with everybody who maps the file, and the file
// has it after Unmap. The file may be closed at once.
func MapFile(f *os.File, size int, opt Options) ([]byte, error) {
	if size <= 0 {
		return nil, fmt.Errorf("map %d bytes of %s: %w", size, f.Name(), unix.EINVAL)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of %s: %w", size, f.Name(), err)
	}
	if err := prepare(mem, opt, touchRead); err != nil {
		return nil, err
	}
	return mem, nil
}

// prepare does what opt says with memory that was just mapped, and notes it. fault touches every page. After
// an error the memory is unmapped.
func prepare(mem []byte, opt Options, fault func([]byte)) error {
	if opt.Huge {
		// A kernel without huge pages refuses. The memory works without them too.
		_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	}
	// A fork must not duplicate buffers that the kernel reads or writes. After a
	// write the parent would have the copy, and the device would keep the original.
	_ = unix.Madvise(mem, unix.MADV_DONTFORK)
	// What programs had in memory passes through here, and must not lie in a core file.
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	if opt.Lock {
		if err := lock(mem); err != nil {
			_ = unix.Munmap(mem)
			return err
		}
	} else if opt.Populate {
		fault(mem)
	}
	live.add(mem, opt.Purpose)
	return nil
}

// Unmap gives memory from Map back to the kernel.
func Unmap(mem []byte) error {
	live.remove(mem) // first: the addresses can be another mapping's at once
	if err := unix.Munmap(mem); err != nil {
		return fmt.Errorf("unmap %d bytes of memory: %w", len(mem), err)
	}
	return nil
}

// lock makes every page resident, also in a process whose mlockall waits for the first
// access (MCL_ONFAULT).
func lock(mem []byte) error {
	if err := unix.Mlock(mem); err != nil {
		return fmt.Errorf("lock %d bytes: %w (%w): run as root, or raise the limit (ulimit -l, LimitMEMLOCK=)", len(mem), ErrLocked, err)
	}
	return nil
}

// touchRead reads a byte of every page: memory of a file has its pages from then on, and keeps what is in
// them.
func touchRead(mem []byte) {
	var sum byte
	for i := 0; i < len(mem); i += os.Getpagesize() {
		sum |= mem[i]
	}
	touched.Store(uint32(sum))
}

// touched keeps the compiler from leaving the reads of touchRead out.
var touched atomic.Uint32

// touch writes to every page, so that no later access faults.
func touch(mem []byte) {
	for i := 0; i < len(mem); i += os.Getpagesize() {
		mem[i] = 0
	}
}
