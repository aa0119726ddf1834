package ccall

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// ErrUnavailable means that this processor's calls are not known here.
var ErrUnavailable = errors.New("no direct calls of C on this kind of processor")

// StackSize is what a C function has, in bytes.
const StackSize = 128 << 10

// Stack is what C functions run on. It belongs to one thread at a time.
type Stack struct {
	mem []byte
	top uintptr
}

// New makes a stack, touched throughout. Errors wrap ErrUnavailable, or are mmap's.
func New() (*Stack, error) {
	if !available {
		return nil, ErrUnavailable
	}
	guard := os.Getpagesize()
	mem, err := offheap.Map(guard+StackSize, offheap.Options{Populate: true})
	if err != nil {
		return nil, err
	}
	if err := unix.Mprotect(mem[:guard], unix.PROT_NONE); err != nil {
		return nil, errors.Join(fmt.Errorf("guard a stack: %w", err), offheap.Unmap(mem))
	}
	return &Stack{mem: mem, top: uintptr(unsafe.Pointer(unsafe.SliceData(mem))) + uintptr(len(mem))}, nil
}

// Call calls a C function of up to three integers or pointers to memory off the
// Go heap, and returns what it returns, as 64 bits.
func (s *Stack) Call(function unsafe.Pointer, a, b, c uintptr) uintptr {
	return call(function, s.top, a, b, c)
}

// Close frees the stack.
func (s *Stack) Close() error { return offheap.Unmap(s.mem) }
