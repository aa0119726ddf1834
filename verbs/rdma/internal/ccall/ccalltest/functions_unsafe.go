// Package ccalltest has C functions to test package ccall with: neither a package
// with assembly of Go's nor a test can have C.
package ccalltest

// #include "functions.h"
import "C"

import "unsafe"

// Functions of three longs that return one.
var (
	Combine = unsafe.Pointer(C.fs_test_combine) // a + 10·b + 100·c
	Deep    = unsafe.Pointer(C.fs_test_deep)    // uses a bytes of stack, and returns 1
	Linger  = unsafe.Pointer(C.fs_test_linger)  // takes a nanoseconds, and returns 0
)
