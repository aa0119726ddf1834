// Package benchmarks measures swap backends with workloads that check every
// byte, and compares what they measured.
//
// # Dangers
//
// A workload takes as much memory as it is told to. Put its process into a
// memory cgroup first; without one it fills the machine.
//
// Swap counters are those of the whole machine: whatever else swaps during a
// run is counted with it.
//
// Absolute figures drift, most of all in a virtual machine. Compare backends
// in one session, interleaved, several times; Compare takes the median of runs
// of the same name.
//
// # Paging
//
// RunPaging maps anonymous memory, fills it, then reads and writes whole pages
// at random. The content of a page follows from seed, page number and version,
// so each access verifies all of it: a stale, misplaced or damaged page is
// found and told apart. A last sweep verifies every page.
//
// A page that the kernel cannot bring back (SIGBUS) ends the run with
// ErrUnreadable; pages with wrong content are counted, and end it with
// ErrMismatch.
//
// # Load
//
// RunLoad keeps a rate of single pages read and written on a block device, in phases
// that its caller begins, and knows the version that each page must have: latencies
// before and during an event, of checked pages. It overwrites the device.
//
// # Growth
//
// RunGrow is a program that takes memory at a fixed rate and does a fixed amount of
// work. Its busy time leaves out the rests between its steps, so that it can be
// compared, and shows waits for memory. Memory that a virtual machine has never
// touched takes longer the first time: touch it before.
//
// # Applications
//
// `farswap bench run` measures whole applications on several swap areas: package workload has
// the ones, backend the others, harness runs them in turns under memory limits, and report
// shows what came out.
//
// # Verbs
//
// RunVerbs measures one-sided READ and WRITE over one connection, of either
// transport, with the meaning of ib_read_lat and ib_write_bw. One thread posts
// and polls, through a loop of package uring, as a queue of the device does; it
// allocates nothing while it measures. What a row has moved is checked at its
// end: ErrMismatch.
package benchmarks
