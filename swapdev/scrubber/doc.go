// Package scrubber brings the copies of pages back to where they should be:
//
//   - A page that the backing file lacks, because its backing write has failed, goes there
//     once the file works again. Until then a flush fails and the loss of a donor loses the
//     page.
//   - A copy that does not match its checksum is forgotten and written anew from the other
//     copy. Otherwise each read would find it again.
//   - A page of a hot slab that is in the backing file only goes to the slab's donor.
//     Otherwise it would be read from the disk until it is written again. This gives way to
//     the first.
//
// # Dangers
//
//   - A page that is being copied takes no writes meanwhile (see slabmap.BeginRestore). So few
//     pages are copied at a time, and every way out of a copy lets them go.
//   - A WRITE to a donor that has failed may be carried out later. Before its pages are let
//     go, the barrier of the donor is raised. A new connection, which fences the old one,
//     lowers it.
//   - Copies take turns with a pause that is longer than the copy, so that requests of the
//     kernel do not feel them.
//
// # Threads
//
// [Scrubber.Run] has a thread of its own, with a ring and connections of its own. It may
// allocate and wait; every wait for a donor has a deadline. The other methods may be called
// from any goroutine.
package scrubber
