//go:build !amd64

package ccall

import "unsafe"

const available = false

func call(unsafe.Pointer, uintptr, uintptr, uintptr, uintptr) uintptr {
	panic("ccall: New refuses this processor")
}
