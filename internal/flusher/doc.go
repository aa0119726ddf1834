// Package flusher makes a process fit to serve the kernel's swap: one that the
// kernel waits for when it needs memory, and that therefore must never wait for
// memory itself.
//
// Dangers first:
//
//   - [Reexec] replaces the process image. Call it before anything is opened or
//     started: whatever is not inherited over exec is lost, and nothing deferred
//     runs.
//   - [Protect] locks all memory, also what is mapped later. A mapping that does
//     not fit into RAM then fails instead of being made lazily.
//   - What runs without end here runs at real-time priority: only the kernel's
//     throttling (sched_rt_runtime_us) leaves others the rest of a CPU.
//   - After both the kernel's OOM killer passes this process over. What leaks
//     here is taken from everything else.
//
// What is needed, all of it: every thread marked as an I/O flusher, so that its
// own allocations never start write-out to the device that it serves; memory
// locked, so that it never faults on a page of its own that was swapped out to
// itself; an OOM score of -1000; a cgroup without a memory limit, since reclaim
// for such a limit runs on the thread that allocates; and real-time scheduling,
// which opens part of the kernel's reserve of memory to it.
package flusher
