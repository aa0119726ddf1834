package tcp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// vector is a message to send or to receive: a msghdr and its iovecs, off the
// heap because the kernel reads them.
type vector struct {
	msg *unix.Msghdr
	iov []unix.Iovec // room for all there can be
	n   int          // iovecs in use
	len int          // bytes in all
}

func (v *vector) reset() { v.n, v.len = 0, 0 }

// add appends b; memory that adjoins the last piece prolongs it.
func (v *vector) add(b []byte) {
	if len(b) == 0 {
		return
	}
	v.len += len(b)
	if v.n > 0 {
		last := &v.iov[v.n-1]
		if unsafe.Add(unsafe.Pointer(last.Base), uintptr(last.Len)) == unsafe.Pointer(&b[0]) {
			last.SetLen(int(last.Len) + len(b))
			return
		}
	}
	v.iov[v.n].Base = &b[0]
	v.iov[v.n].SetLen(len(b))
	v.n++
}

// drop removes the first n bytes.
func (v *vector) drop(n int) {
	v.len -= n
	i := 0
	for i < v.n && n >= int(v.iov[i].Len) {
		n -= int(v.iov[i].Len)
		i++
	}
	copy(v.iov, v.iov[i:v.n])
	v.n -= i
	if n > 0 {
		first := &v.iov[0]
		first.Base = (*byte)(unsafe.Add(unsafe.Pointer(first.Base), n))
		first.SetLen(int(first.Len) - n)
	}
}

// header returns the message, ready for an SQE.
func (v *vector) header() *unix.Msghdr {
	v.msg.Iov = &v.iov[0]
	v.msg.SetIovlen(v.n)
	return v.msg
}

// touches says whether any piece lies in mem, wholly or in part.
func (v *vector) touches(mem []byte) bool {
	for i := range v.iov[:v.n] {
		if overlap(unsafe.Slice(v.iov[i].Base, v.iov[i].Len), mem) {
			return true
		}
	}
	return false
}

func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	a0, b0 := start(a), start(b)
	return a0 < b0+uintptr(len(b)) && b0 < a0+uintptr(len(a))
}

// start is the address of b, for comparing only.
func start(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// within says whether b lies in mem.
func within(b, mem []byte) bool {
	b0, m0 := start(b), start(mem)
	return b0 >= m0 && b0-m0 <= uintptr(len(mem)) && uintptr(len(b)) <= uintptr(len(mem))-(b0-m0)
}
