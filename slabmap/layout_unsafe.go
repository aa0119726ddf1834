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
	sealed   uint64 // 1: each page has a Seal
	_        [4]uint64
}

// entry is one slab, alone on its cache line, so that queues with different slabs do not disturb each other.
type entry struct {
	word     atomic.Uint64   // state, donor, epoch: see slabWord
	inflight [2]atomic.Int64 // operations counted in under an even and an odd epoch: see count
	touched  atomic.Uint64   // pages touched since the last Tick
	activity atomic.Uint64   // float64 bits, page I/Os per second
	old      atomic.Uint64   // donor before the last BeginMove
	changed  atomic.Uint64   // 1: the place of a page may have changed since the last count of the Census
	floor    atomic.Uint64   // counters of sealed writes are above it: see seal.go
}

// sealWords is the Seal of one page.
type sealWords [2]atomic.Uint64

const (
	headerSize = int(unsafe.Sizeof(header{}))
	entrySize  = int(unsafe.Sizeof(entry{}))
	wordSize   = int(unsafe.Sizeof(atomic.Uint64{}))
)

// aligned reports whether mem begins on an 8-byte boundary, which atomic operations require.
func aligned(mem []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(mem)))%8 == 0
}

// lay places the parts of a map over mem. There are no seals unless the device is sealed.
//
// Preconditions: mem is aligned and has MemoryNeeded(g) bytes.
func lay(g Geometry, mem []byte) (*header, []entry, []atomic.Uint64, []sealWords) {
	base := unsafe.Pointer(unsafe.SliceData(mem))
	slabs := g.Slabs()
	entries := unsafe.Slice((*entry)(unsafe.Add(base, headerSize)), slabs)
	pages := unsafe.Slice((*atomic.Uint64)(unsafe.Add(base, headerSize+slabs*entrySize)), g.Pages())
	var seals []sealWords
	if g.Sealed {
		seals = unsafe.Slice((*sealWords)(unsafe.Add(base, headerSize+slabs*entrySize+len(pages)*wordSize)), g.Pages())
	}
	return (*header)(base), entries, pages, seals
}
