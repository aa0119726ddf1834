package vmtest

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DiscardDevice discards a range of a block device.
func DiscardDevice(f *os.File, off, n int64) error {
	span := [2]uint64{uint64(off), uint64(n)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKDISCARD, uintptr(unsafe.Pointer(&span)))
	if errno != 0 {
		return fmt.Errorf("discard %d bytes at %d of %s: %w", n, off, f.Name(), errno)
	}
	return nil
}
