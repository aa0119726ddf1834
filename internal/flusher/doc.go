// Package flusher makes a process fit to serve the kernel's swap: one that the
// kernel waits for when it needs memory, and that therefore must never wait for
// memory itself.
//
// Dangers first:
//
//   - [Reexec] replaces the process image. Call it before anything is opened or
//     started: whatever is not inherited over exec is lost, and nothing deferred
//     runs.
//   - [Protect] locks each page when it is first touched, also of what is mapped
//     later. It does not touch any. A server on which the kernel depends before
//     [Settle] has returned can wait for a disk that is this very swap.
//   - After Settle these can still wait for new memory: the heap beyond its largest
//     size so far, the stack of a thread that starts later, a library that is loaded
//     later. None of them is on the way of a page, but Go code that waits there
//     can hold up pages all the same: when the garbage collector stops all threads, a
//     queue that has stopped waits until that one has its memory.
//   - What runs without end here can run at real-time priority: only the kernel's
//     throttling (sched_rt_runtime_us) leaves others the rest of a CPU then. [Ease]
//     says when threads are real-time.
//   - After both the kernel's OOM killer passes this process over. What leaks
//     here is taken from everything else.
//
// What is needed, all of it: every thread marked as an I/O flusher, so that its
// own allocations never start write-out to the device that it serves; memory
// locked, so that it never faults on a page of its own that was swapped out to
// itself; an OOM score of -1000; a cgroup without a memory limit, since reclaim
// for such a limit runs on the thread that allocates; and, while memory is short,
// real-time scheduling, which opens part of the kernel's reserve of memory to it.
//
// # What is resident, and why not all is
//
// mlockall can fill every mapping at once (MCL_FUTURE alone) or lock what is touched
// (with MCL_ONFAULT). The first is simple and takes 70 MiB that nobody ever touches: a
// table of 32 MiB in which Go's runtime lists the arenas of its heap, 32 MiB of variables
// of the standard library's random numbers for FIPS mode, and the unused part of every
// stack and arena; huge pages add more. It also defeats the runtime when that gives memory
// back: the pages are filled again at once. A machine of 192 MiB can stop with that much
// locked.
//
// The second needs care, because a page that was never touched is not there when it is
// needed. So Settle touches all that the data path can touch, by kind:
//
//	program, libraries  all pages, read from disk and locked; pages of variables are
//	                    copied now. A text page that is missing would be read from the
//	                    root file system while that waits for memory.
//	variables           the first 512 KiB of those that begin as zeros, where Go's linker
//	                    puts all but the largest.
//	stacks of threads   the upper 64 KiB, four times what Go's runtime needs.
//	small tables        all pages of every other mapping up to 512 KiB.
//	buffers, page map   all pages, by package offheap when it maps them.
//	rings               the kernel makes them whole, and never takes them away.
//	Go's heap           what is in use, and three quarters of what it may grow by before
//	                    it is collected. The data path allocates nothing; the control
//	                    plane works within this.
//
// Once touched, a page stays: locked memory is neither swapped nor dropped. Go's runtime
// alone gives heap away again, down to a tenth above the size at which it collects.
package flusher
