package slabmap

import (
	"sync/atomic"
	"unsafe"
)

// header is the begin of a map's memory. It shows a later server which device the map is for. New writes it
// once, before any use of the map.
type header struct {
	magic    uint64
	size     int64
	slabSize int64
	_        [5]uint64
}

// entry is one slab, alone on its cache line, so that queues with different slabs do not disturb each other.
type entry struct {
	word     atomic.Uint64   // state, donor, epoch: see slabWord
	inflight [2]atomic.Int64 // operations counted in under an even and an odd epoch: see count
	touched  atomic.Uint64   // pages touched since the last Tick
	activity atomic.Uint64   // float64 bits, page I/Os per second
	old      atomic.Uint64   // donor before the last BeginMove
	changed  atomic.Uint64   // 1: the place of a page may have changed since the last count of the Census
	_        uint64
}

const (
	headerSize = int(unsafe.Sizeof(header{}))
	entrySize  = int(unsafe.Sizeof(entry{}))
	wordSize   = int(unsafe.Sizeof(atomic.Uint64{}))
)

// aligned reports whether mem begins on an 8-byte boundary, which atomic operations require.
func aligned(mem []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(mem)))%8 == 0
}

// lay places the three parts of a map over mem.
//
// Preconditions: mem is aligned and has MemoryNeeded(g) bytes.
func lay(g Geometry, mem []byte) (*header, []entry, []atomic.Uint64) {
	base := unsafe.Pointer(unsafe.SliceData(mem))
	slabs := g.Slabs()
	entries := unsafe.Slice((*entry)(unsafe.Add(base, headerSize)), slabs)
	pages := unsafe.Slice((*atomic.Uint64)(unsafe.Add(base, headerSize+slabs*entrySize)), g.Pages())
	return (*header)(base), entries, pages
}
