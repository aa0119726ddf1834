package swapdev

import (
	"sync/atomic"
	"unsafe"
)

// word is a word of the model.
func (m *model) word(i int) *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&m.mem[i*8])) }

// begun is the version of a page that was written last, and answered the one that was answered last.
func (m *model) begun(page int) *atomic.Uint64    { return m.word(2 * page) }
func (m *model) answered(page int) *atomic.Uint64 { return m.word(2*page + 1) }
