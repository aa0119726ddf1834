// Package uring drives io_uring with golang.org/x/sys alone. It is for anybody who
// wants the ring itself and no framework around it. It needs Linux 5.19.
//
// # Dangers
//
//   - A ring belongs to one OS thread. It is set up with SINGLE_ISSUER and
//     DEFER_TASKRUN where the kernel has them, and the kernel then refuses other
//     threads. Lock the goroutine to its thread (runtime.LockOSThread) before New
//     or NewLoop. Only Loop.Post may be called from elsewhere.
//   - Memory that an SQE names belongs to the kernel until its CQE has come (the
//     last one, without FlagMore). It must be off the Go heap, or pinned: see
//     package offheap. This holds for msghdr, iovec and timespec structures too.
//   - Close does not wait for operations in flight. The kernel cancels them in the
//     background and may still use their buffers for a moment. Cancel and reap
//     first, close then, free the memory last.
//   - Config.KeepProc changes GOMAXPROCS of the whole process: by one for each
//     open Loop that asks for it. A program that sets GOMAXPROCS itself does so
//     before the first such loop; the last Close restores the value of then.
//
// # Rings and loops
//
// A Ring is the pair of queues shared with the kernel. SQEs are prepared in place
// and submitted in one system call together with the wait for completions. CQEs
// are read in place.
//
// A Loop is a Ring that knows who waits for each completion. Handlers attach to it
// and get a Class, which is the top byte of user_data. One pass of a loop runs the
// doorbell hooks, submits all that they and the handlers prepared, waits, and gives
// each CQE to its handler. All I/O of a thread goes through its one loop. Nothing is
// handed to another goroutine, and a pass allocates nothing.
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
