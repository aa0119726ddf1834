// Package swapdev is the swap device. It makes the rooms below it and is the only one that
// knows all of them: what a lower room has to tell a higher one, it tells through functions
// that this package sets.
//
//	path       the way of a page: what a queue does with a request
//	lenders    the donors: sessions, connections, transports
//	placement  which slab goes where, and which donor is slow
//	mover      moves slabs between donors while they are in use
//	journal    the log and the events
//
// # Dangers
//
//   - The machine may depend on this process for free memory. What runs on a queue's
//     thread must not allocate, lock or wait: see package path.
//   - A device must not be stopped while it is swap or mounted: the kernel would wait for
//     it for ever. [Device.Stop] refuses.
//   - The order in which [Open] makes things, and in which they are taken down, is part of
//     the design: whom we need is asked first, and what others see is made last.
//
// # Threads
//
// Each ublk queue has a thread with a loop. One goroutine keeps each donor; one maps hot
// slabs; one judges the donors; one tells what the queues have noted; one follows the
// cluster, if there is one. The mover has a thread of its own. The control goroutines may
// allocate and wait; every wait has a deadline.
//
// # What happens
//
// A write goes to the donors of its slabs and to the backing file, and is answered by the
// acknowledge policy. A read is served from wherever a good copy is, and checked.
//
// When a donor is lost, its slabs fail: their epoch moves, which voids all remote copies at
// once. Reads go to the backing file, and slabs that are still hot are mapped to another
// donor. A donor that answers again is used again, with nothing of its old content.
//
// When a donor wants a slab back, the slab moves to another donor while it is in use, or
// the backing file serves it.
//
// # Transports
//
// Pages travel over RDMA or TCP. Each session with a donor takes the first of them that
// both ends have and that connects, for all queues, and keeps it to its end. Keys are good
// for that transport alone. A transport is opened, and the buffers of the queues are
// registered with it, when the first donor is connected through it. So an RDMA adapter may
// come and go while the device is in use.
//
// # Probes
//
// Package bpf measures in the kernel what pages cost applications. Probes are attached when
// the device is there and before anything swaps to it. Where the kernel or the user does
// not allow probes, status lacks their figures and nothing else, unless they were insisted
// on.
package swapdev
