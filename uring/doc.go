// Package uring drives io_uring with golang.org/x/sys alone.
//
// A Ring is the pair of queues shared with the kernel: SQEs are prepared in
// place, submitted in one system call together with the wait for completions,
// and CQEs are read in place. A Loop is a Ring with an owner for every
// completion: handlers attach to it and get a Class, which is the top byte of
// user_data. One pass of a loop runs the doorbell hooks, submits all that they
// and the handlers prepared, waits, and hands each CQE to its handler. All I/O
// of a thread goes through its one loop; nothing is handed to another
// goroutine.
//
// # Dangers
//
//   - A ring belongs to one OS thread: it is set up with SINGLE_ISSUER and
//     DEFER_TASKRUN where the kernel has them, and the kernel refuses other
//     threads. Lock the goroutine to its thread (runtime.LockOSThread) before
//     NewLoop. Only Post may be called from elsewhere.
//   - Memory named by an SQE belongs to the kernel until its CQE has come (the
//     last one, without FlagMore). It must be off the Go heap, or pinned: see
//     package internal/offheap. So do msghdr, iovec and timespec structures.
//   - Closing a ring does not wait for operations in flight; the kernel cancels
//     them in the background and may still use their buffers for a moment.
//     Cancel and reap first, close then, free the memory last.
//
// # Memory ordering
//
// The kernel reads the submission ring's tail with acquire order and writes its
// head with release order; for the completion ring the roles are exchanged.
// Go's sync/atomic operations are sequentially consistent, hence at least
// acquire and release, so:
//
//   - SQE fields are written with plain stores, then the tail is published by
//     an atomic store: the kernel that sees the tail sees the fields.
//   - the completion tail is read by an atomic load, then CQEs with plain
//     loads, then the head is published by an atomic store: the kernel does not
//     overwrite a CQE before it has been read.
//   - the submission head is read by an atomic load before a slot is used
//     again: the kernel has finished reading it.
//
// Everything else (local tail, masks) is private to the owner thread.
//
// Numbers and layouts are those of linux/io_uring.h.
package uring
