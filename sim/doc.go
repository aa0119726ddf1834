// Package sim runs the policies of farswap on thousands of virtual machines in
// virtual time: the slab states, activity, hot slabs and placement of package
// slabmap, and the governor and the choice of victims of package evict, called as
// swapdev and donor call them. None of them is copied here.
//
// # Dangers
//
// What comes out is as good as what is put in: the workloads are figures in a file
// (see [ParseWorkload]), not programs. The simulator compares policies on the same
// input. It predicts no latency and no throughput: those of [Latency] are put in.
//
// # What is modelled
//
// Time goes in seconds, in which every container, then every donor takes a step;
// what ends later (a slab that is moved) waits in a heap.
//
//   - A machine has memory, a base use, and containers placed at random where their
//     limits fit. Its donor is an [evict.Governor] that is shown what is available
//     once a second. Pressure stall is a stand-in: it grows from 0 to 1 as available
//     memory falls from an eighth of HeadRoom to none.
//   - A container's memory ramps up to its peak and then swings as its workload
//     says. What exceeds its limit is swapped. Page-ins follow from the workload's
//     accesses and the share that misses, as with Zipf popularity θ and LRU:
//     1 − f^(1−θ) when a fraction f is resident. A share of the pages that make room
//     is written, and so is all growth.
//   - The kernel keeps the swap slots of pages that it has read in, up to half of
//     the device, and hands out free slots from one end of the device to the other,
//     so that writing walks through all of it. Slabs that were written differ in how
//     often they are read.
//   - Each slab of a device is a [slabmap.Map] of one page, since all that matters
//     is decided per slab: it needs 136 bytes, a full one of 64 MiB 128 KiB. Its
//     seconds are counted only when somebody looks, from what was touched in each,
//     and only the last 30: what was before weighs 0.1%.
//   - With [Latency] page-ins take a time drawn from a log-normal of their donor's, and
//     a machine is slow for a while. Each device judges its donors as swapdev does
//     ([slabmap.Judge]), and moves slabs away from slow ones. Test reads of slow donors
//     need no memory there.
//   - A hot slab is mapped at once. An evicted slab is moved to another donor, at
//     the file's speed, and dropped if none has room.
//
// # What is not modelled
//
// Pages and their contents, queues, latencies that follow from load, the network's limits, loss of
// machines, devices that do not answer, stale announcements: a device asks a donor
// and has the answer at once. How long a map takes is a constant and a part by the
// byte, from the file. Applications do not slow down when a donor has too little
// left for them: it is counted ([Result] HurtSeconds).
//
// # Determinism
//
// One goroutine, one seeded generator: the same configuration gives the same
// result, wall time and peak memory aside.
package sim
