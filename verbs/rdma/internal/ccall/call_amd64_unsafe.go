//go:build amd64

package ccall

import "unsafe"

const available = true

// call calls function on the stack that ends at top, a multiple of 16.
//
//go:noescape
func call(function unsafe.Pointer, top, a, b, c uintptr) uintptr
