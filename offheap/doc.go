// Package offheap hands out memory that the Go runtime does not know.
//
// Rings, I/O buffers and slabs are shared with the kernel or with other
// machines while Go code runs, so they must neither move nor be freed by the
// garbage collector. Memory from this package is mapped, stays where it is
// until it is unmapped, and is never scanned.
//
// Danger: using a slice after Unmap is a segmentation fault, and letting the
// kernel use it (an SQE in flight, a registered buffer) after Unmap corrupts
// whatever is mapped there next. The owner ends all I/O first. Go pointers must
// not be stored in this memory.
package offheap
