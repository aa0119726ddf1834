package path

import "sync/atomic"

// operation is what an I/O does to the backing file.
type operation uint32

const (
	reading operation = 1 << iota
	writing           // or syncing
)

// health says which operations on the backing file fail now: those whose last one has
// failed. Its methods may be called from any goroutine. While all goes well they only read.
type health struct{ failing atomic.Uint32 }

// ended takes up how an operation ended.
func (h *health) ended(op operation, ok bool) {
	switch failing := h.failing.Load()&uint32(op) != 0; {
	case failing && ok:
		h.failing.And(^uint32(op))
	case !failing && !ok:
		h.failing.Or(uint32(op))
	}
}

// Works reports whether the last read of the file and the last write to it did well. Any
// goroutine may call it. A device without a backing file has none that fails.
func (b *BackingFile) Works() bool {
	reads, writes := b.Fails()
	return !reads && !writes
}

// Fails says what does not work: reads, if the last one has failed, and writes likewise.
// Any goroutine may call it.
func (b *BackingFile) Fails() (reads, writes bool) {
	if b == nil {
		return false, false
	}
	failing := operation(b.health.failing.Load())
	return failing&reading != 0, failing&writing != 0
}
