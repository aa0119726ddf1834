package offheap

import (
	"errors"
	"fmt"
	"os"

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
	return prepare(mem, opt)
}

// MapFile is Map of the first size bytes of a file in memory, which the file must have: a file of a
// tmpfs or of memfd_create(2). The memory is shared with everybody who maps the file, and the file
// has it after Unmap. The file may be closed at once.
func MapFile(f *os.File, size int, opt Options) ([]byte, error) {
	if size <= 0 {
		return nil, fmt.Errorf("map %d bytes of %s: %w", size, f.Name(), unix.EINVAL)
	}
	flags := unix.MAP_SHARED
	if opt.Populate {
		flags |= unix.MAP_POPULATE
		opt.Populate = false // touch would change the file
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of %s: %w", size, f.Name(), err)
	}
	return prepare(mem, opt)
}

// prepare makes fresh memory what the options ask for, or gives it back.
func prepare(mem []byte, opt Options) (_ []byte, err error) {
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
		err = lock(mem)
	} else if opt.Populate {
		touch(mem)
	}
	if err != nil {
		_ = unix.Munmap(mem)
		return nil, err
	}
	live.add(mem, opt.Purpose)
	return mem, nil
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

// touch writes to every page, so that no later access faults.
func touch(mem []byte) {
	for i := 0; i < len(mem); i += os.Getpagesize() {
		mem[i] = 0
	}
}
