// Package placement decides which slab goes where: it maps hot slabs to donors, judges the
// donors by their latency, and orders the slabs of slow ones to leave.
//
// # Dangers
//
//   - A donor can be lost between any two calls. A slab becomes usable only inside
//     [lenders.Donor.While], so that whoever voids a lost donor's slabs finds all of them.
//   - A Map that timed out may still be carried out. Then the session ends, which undoes
//     it.
//
// # Goroutines
//
// [Mapper.Run] and [Steering.Run] each have a goroutine of their own. They may allocate
// and wait; every wait has a deadline. The package does no I/O on pages.
//
// # Mapping
//
// Once a second the mapper measures the activity of the slabs, and maps those that became
// hot, hottest first. A burst is mapped at once: when writes make a slab hot, its queue
// says so. Without a backing file, every unmapped slab that is written is wanted. Of two
// donors chosen by the policy, the one with the larger share of its machine's memory free
// gets the slab.
//
// # Steering
//
// Once a period the donors are judged by the reads of the queues' connections (see
// slabmap.Judge). The hottest slabs of slow ones leave, and stay if no other donor has
// room.
//
// Every map and move is kept with what it went by: see [Decisions].
package placement
