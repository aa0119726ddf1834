package benchmarks

import "unsafe"

// words is mem seen as 64-bit words.
//
// Preconditions: mem begins on an 8-byte boundary, as mapped memory does.
func words(mem []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/8)
}

// versionSize is the size in bytes of one expected version.
const versionSize = int(unsafe.Sizeof(uint32(0)))

// counts is mem seen as versions.
//
// Preconditions: as for words.
func counts(mem []byte) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/versionSize)
}
