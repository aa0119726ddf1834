package offheap

import "unsafe"

// New returns a zeroed slice of n values of type T off the heap, and a function
// that frees it. T must hold no Go pointers: the garbage collector does not
// look inside.
func New[T any](n int) ([]T, func() error, error) {
	var t T
	mem, err := Map(n*int(unsafe.Sizeof(t)), Options{Populate: true})
	if err != nil {
		return nil, nil, err
	}
	values := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), n)
	return values, func() error { return Unmap(mem) }, nil
}

// Pointer returns the address of the first byte of mem, for an SQE or an iovec.
// It keeps nothing alive: mem must be from this package, or be pinned.
func Pointer(mem []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(mem)) }

func address(mem []byte) uint64 { return uint64(uintptr(Pointer(mem))) }
