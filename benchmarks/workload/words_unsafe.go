package workload

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// array maps n zeroed values of T, untouched and without huge pages. The garbage collector does
// not know the memory, which lives as long as the process. T must hold no Go pointers.
func array[T any](n int) ([]T, error) {
	var t T
	mem, err := offheap.Map(n*int(unsafe.Sizeof(t)), offheap.Options{})
	if err != nil {
		return nil, fmt.Errorf("memory for %d values: %w", n, err)
	}
	// A kernel without huge pages refuses this call, and needs none.
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), n), nil
}

// memory is the memory of values.
func memory[T any](values []T) []byte {
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(t)))
}

// resident returns whether the page that begins at words is in memory, mapped or in the swap
// cache.
func resident(words []uint64) (bool, error) {
	var state [1]byte
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(words))),
		pageSize, uintptr(unsafe.Pointer(&state)))
	if errno != 0 {
		return false, fmt.Errorf("ask whether a page is in memory: %w", errno)
	}
	return state[0]&1 != 0, nil
}
