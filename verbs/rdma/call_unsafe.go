//go:build cgo

package rdma

/*
#include "qp.h"

#cgo noescape fs_post
#cgo nocallback fs_post
#cgo noescape fs_poll
#cgo nocallback fs_poll
#cgo noescape fs_arm
#cgo nocallback fs_arm
*/
import "C"

import (
	"time"
	"unsafe"

	"github.com/farswap/farswap/verbs/rdma/internal/ccall"
)

// caller makes the calls of the data path. They are short, and come from a thread
// whose goroutine never yields: see package ccall. Without a stack it is cgo.
type caller struct{ stack *ccall.Stack }

func newCaller() caller {
	stack, _ := ccall.New() // without one it works, too
	return caller{stack}
}

func (c caller) close() {
	if c.stack != nil {
		_ = c.stack.Close() // munmap of what was mapped
	}
}

func (c caller) post(q *C.struct_fs_qp, first, end uint64) C.int {
	if c.stack == nil {
		return C.fs_post(q, C.uint64_t(first), C.uint64_t(end))
	}
	return C.int(c.stack.Call(unsafe.Pointer(C.fs_post), uintptr(unsafe.Pointer(q)), uintptr(first), uintptr(end)))
}

func (c caller) poll(q *C.struct_fs_qp, spin time.Duration) C.int {
	if c.stack == nil {
		return C.fs_poll(q, C.int64_t(spin))
	}
	return C.int(c.stack.Call(unsafe.Pointer(C.fs_poll), uintptr(unsafe.Pointer(q)), uintptr(spin), 0))
}

func (c caller) arm(q *C.struct_fs_qp) C.int {
	if c.stack == nil {
		return C.fs_arm(q)
	}
	return C.int(c.stack.Call(unsafe.Pointer(C.fs_arm), uintptr(unsafe.Pointer(q)), 0, 0))
}
