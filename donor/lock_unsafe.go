package donor

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// mayLock checks that this process may lock n bytes at once, so that a donor fails when it
// starts and not at its last slab. It locks an empty mapping of that size on fault, which counts
// against RLIMIT_MEMLOCK and takes no memory.
func mayLock(n int64) error {
	mem, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map %d bytes: %w", n, err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	_, _, errno := unix.Syscall(unix.SYS_MLOCK2, uintptr(unsafe.Pointer(&mem[0])), uintptr(n), unix.MLOCK_ONFAULT)
	if errno == 0 || errors.Is(errno, unix.ENOSYS) {
		return nil
	}
	return fmt.Errorf("lend %d bytes: %w (%w): raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=infinity), or give the donor CAP_IPC_LOCK", n, offheap.ErrLocked, errno)
}
