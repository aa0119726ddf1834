package ublktest

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

// discard is BLKDISCARD or BLKZEROOUT on a block device, for the range of d.
func discard(f *os.File, request uintptr, d ublk.Desc) error {
	span := [2]uint64{uint64(d.Offset), uint64(d.Length)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&span)))
	if errno != 0 {
		return fmt.Errorf("%v of %d bytes at %d of %s: %w", d.Op, d.Length, d.Offset, f.Name(), errno)
	}
	return nil
}
