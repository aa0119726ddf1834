//go:build cgo

package rdma

/*
#include <stdlib.h>
#include "qp.h"
#include "cm.h"
*/
import "C"

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"
)

// pointer is a C string as C's free wants it.
func pointer(s *C.char) unsafe.Pointer { return unsafe.Pointer(s) }

// bytesPointer is the address of memory that lies off the Go heap.
func bytesPointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// address is the same as a number, for a work request.
func address(b []byte) uint64 { return uint64(uintptr(bytesPointer(b))) }

// newCQP is a zeroed queue pair in C's memory: the Go side keeps its address,
// and C's pointers lie in it.
func newCQP() *C.struct_fs_qp {
	return (*C.struct_fs_qp)(C.calloc(1, C.sizeof_struct_fs_qp))
}

func freeCQP(q *C.struct_fs_qp) { C.free(unsafe.Pointer(q)) }

// requests are the work requests of a queue pair by slot.
func requests(q *C.struct_fs_qp) []C.struct_fs_wr {
	return unsafe.Slice(q.wr, int(q.slots))
}

// sockaddr is an address in C's form, in memory of the Go heap that C reads
// during one call.
type sockaddr struct {
	_     [0]uint64 // alignment
	bytes [28]byte  // sizeof struct sockaddr_in6
}

func newSockaddr(a netip.AddrPort, zone uint32) *sockaddr {
	s := new(sockaddr)
	ip := a.Addr().Unmap()
	binary.BigEndian.PutUint16(s.bytes[2:], a.Port())
	if ip.Is4() {
		binary.NativeEndian.PutUint16(s.bytes[0:], syscall.AF_INET)
		v4 := ip.As4()
		copy(s.bytes[4:], v4[:])
		return s
	}
	binary.NativeEndian.PutUint16(s.bytes[0:], syscall.AF_INET6)
	v6 := ip.As16()
	copy(s.bytes[8:], v6[:])
	binary.NativeEndian.PutUint32(s.bytes[24:], zone)
	return s
}

func (s *sockaddr) c() *C.struct_sockaddr {
	if s == nil {
		return nil
	}
	return (*C.struct_sockaddr)(unsafe.Pointer(&s.bytes[0]))
}

// private is the private data of an event, in a copy.
func private(e *C.struct_fs_event) []byte {
	return C.GoBytes(unsafe.Pointer(&e.data[0]), C.int(e.length))
}

func dataPointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// remoteOf is the peer's address.
func remoteOf(id *C.struct_rdma_cm_id) string {
	text := make([]C.char, 64)
	C.fs_peer(id, &text[0], C.size_t(len(text)))
	return C.GoString(&text[0])
}
