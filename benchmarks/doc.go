// Package benchmarks measures swap backends with workloads that check every byte,
// and compares the results.
//
// # Dangers
//
//   - A workload takes as much memory as its configuration says. Put its process into
//     a memory cgroup first; without one it fills the machine.
//   - Swap counters are those of the whole machine. They include the swap of all other
//     programs during a run.
//   - Absolute figures drift, most of all in a virtual machine. Compare backends in one
//     session, in turns, several times; Compare takes the median of runs of the same
//     name.
//
// # Paging
//
// RunPaging maps anonymous memory, fills it, then reads and writes whole pages
// at random. The content of a page follows from seed, page number and version, so
// each access verifies all of it, and recognizes a stale, misplaced or damaged page.
// A last sweep verifies every page.
//
// A page that the kernel cannot bring back (SIGBUS) ends the run with
// ErrUnreadable; pages with wrong content are counted, and end it with
// ErrMismatch.
//
// # Load
//
// RunLoad reads and writes single pages of a block device at a fixed rate, in phases
// that its caller begins. It knows the version that each page must have, and checks
// each page that it reads. So it shows latencies before and during an event. It
// overwrites the device.
//
// # Growth
//
// RunGrow is a program that takes memory at a fixed rate and does a fixed amount of
// work. Its busy time leaves out the rests between its steps, so busy times of runs can
// be compared, and show waits for memory. Memory that a virtual machine has never
// touched takes longer the first time: touch it before.
//
// # Applications
//
// `farswap bench run` measures whole applications on several swap areas. Package workload
// has the applications, package backend has the swap areas, package harness runs them in
// turns under memory limits, and package report shows the results.
//
// # Verbs
//
// RunVerbs measures one-sided READ and WRITE over one connection of either transport.
// The figures mean the same as those of ib_read_lat and ib_write_bw. One thread posts and
// polls through a loop of package uring, as a queue of the device does, and allocates
// nothing while it measures. At the end of a row RunVerbs checks the moved data; the
// error for wrong data is ErrMismatch.
package benchmarks
