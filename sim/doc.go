// Package sim runs the policies of farswap on thousands of virtual machines in virtual time: the slab states,
// activity, hot slabs and placement of package slabmap, and the governor and the choice of victims of package
// evict. It calls the real code as swapdev and donor do, and has no copy of it.
//
// # Dangers
//
// A result is as good as its input: the workloads are figures in a file (see [ParseWorkload]) and not programs.
// The simulator compares policies on the same input. It does not predict latency or throughput; the latencies of
// [Latency] are input, too.
//
// # The model
//
// Time goes in seconds. In each, first every container and then every donor takes a step. Work that ends later,
// such as the move of a slab, waits in a heap.
//
//   - A machine has memory, a base use, and containers, which the simulator places at random where their limits
//     fit. Its donor is an [evict.Governor], which gets the available memory once a second. The model replaces
//     pressure stall by a share that grows from 0 to 1 as available memory falls from an eighth of HeadRoom to
//     none.
//   - The memory of a container rises to its peak and then swings as in its workload. The container swaps the
//     memory above its limit. Page-ins follow from the accesses of the workload and the share of misses under
//     Zipf popularity θ and LRU: 1 − f^(1−θ) if a fraction f is resident. The kernel writes all growth and a share
//     of the pages that make room.
//   - The kernel keeps the swap slots of pages that it has read in, up to half of the device. It hands out free
//     slots from one end of the device to the other, so that writes go through the whole device. Written slabs
//     differ in how often the container reads them.
//   - Each slab of a device is a [slabmap.Map] of one page, because all decisions are per slab. It needs 136 bytes;
//     a full slab of 64 MiB needs 128 KiB. The simulator computes its activity only on demand, from the last 30
//     seconds; earlier seconds weigh 0.1%.
//   - With [Latency] the time of a page-in is a random value from the donor's log-normal distribution, and a machine
//     is slow for a while. Each device judges its donors as swapdev does ([slabmap.Judge]) and moves slabs away
//     from slow ones. Test reads of slow donors need no memory there.
//   - A device maps a hot slab at once. It moves an evicted slab to another donor, at the speed from the file, and
//     drops the slab if no donor has room.
//
// # Not in the model
//
// The model lacks pages and their contents, queues, latencies that depend on load, limits of the network, loss of
// machines, devices that do not answer, and stale announcements: a device gets the answer of a donor at once. The
// duration of a map is a constant and a part by the byte, from the file. Applications do not slow down when a
// donor leaves them too little memory; [Result] HurtSeconds counts that.
//
// # Determinism
//
// There is one goroutine and one seeded generator. The same configuration gives the same result, apart from wall
// time and peak memory.
package sim
