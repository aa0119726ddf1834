package donor

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// residentBytes is how many bytes of a mapping are in memory, or -1 if it is not mapped any more.
func residentBytes(mem []byte) int64 {
	pages := make([]byte, (len(mem)+4095)/4096)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(mem))), uintptr(len(mem)),
		uintptr(unsafe.Pointer(unsafe.SliceData(pages))))
	if errors.Is(errno, unix.ENOMEM) {
		return -1
	}
	var n int64
	for _, p := range pages {
		n += int64(p&1) * 4096
	}
	return n
}
