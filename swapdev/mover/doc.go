// Package mover moves slabs between donors while they are in use: for donors that want
// their memory back, and away from slow donors.
//
// # Dangers
//
//   - The copier claims pages as a writer does. A request for a claimed page waits, so
//     few are claimed at a time, and every way out of a copy lets them go.
//   - An order is about one grant of memory, which its key names. An Unmap that timed out
//     is tried again, and by then the same donor may have lent memory for the same slab
//     anew, which must stay.
//   - A slab is dropped only if the backing file has every page of it.
//
// # Threads
//
// [Mover.Run] has a thread of its own, with a ring and connections of its own, so that
// demand reads never queue behind a copy. It may allocate and wait; every wait has a
// deadline. The other methods may be called from any goroutine.
//
// # A move
//
//  1. A donor orders some of its slabs back ([Mover.Order]), or steering orders a slab to
//     leave a slow donor ([Mover.Leave]).
//  2. beginMove finds another donor by the placement policy, which lends memory for the
//     slab. From then on writes go there, and a page is read where it is.
//  3. copyAll copies what was not written since, a few claimed pages at a time.
//  4. finish ends the move when no page is left at the old donor and no operation is in
//     flight there, and the old donor gets its memory back.
//
// If no donor has room, or the old donor is short of memory and the move takes too long,
// the backing file serves the slab: it is dropped. A slab that leaves a slow donor stays
// instead. An urgent order does not wait for a calm one: that stops in the middle, both
// donors serve its slab, and it goes on afterwards.
//
// # Test reads
//
// A slow donor that lost its hot slabs has few reads, or none, to show that it is well
// again. So the memory of the first slab that leaves it stays lent, without being used,
// for as long as the donor is slow: the mover reads from it. A donor that wants that memory
// back gets it at once.
package mover
