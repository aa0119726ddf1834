//go:build vm

package bpf

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mincore says of each page whether it is in memory; x/sys has no such function.
func mincore(memory, resident []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&memory[0])), uintptr(len(memory)), uintptr(unsafe.Pointer(&resident[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
