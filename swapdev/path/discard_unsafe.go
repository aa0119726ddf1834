package path

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blkDiscard is BLKDISCARD of linux/fs.h: _IO(0x12, 119).
const blkDiscard = 0x1277

// discardRange discards the first bytes of a block device. What they read as afterwards is for the
// device to say.
func discardRange(disk *os.File, bytes int64) error {
	area := [2]uint64{0, uint64(bytes)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, disk.Fd(), blkDiscard, uintptr(unsafe.Pointer(&area)))
	if errno != 0 {
		return errno
	}
	return nil
}
