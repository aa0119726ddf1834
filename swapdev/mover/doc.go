// Package mover moves slabs between donors while they are in use: for donors that want
// their memory back, and away from slow donors.
//
// # Dangers
//
//   - The copier claims pages as a writer does. A request for a claimed page waits, so
//     few are claimed at a time, and every way out of a copy lets them go.
//   - A WRITE that has failed may be carried out later. The barrier before its donor is
//     raised before its pages are let go, and stays up until a later connection has
//     fenced the one of the WRITE, or the donor is lost.
//   - An order is about one grant of memory, which its key names. An Unmap that timed out
//     is tried again, and by then the same donor may have lent memory for the same slab
//     anew, which must stay.
//   - A slab is dropped only if the backing file has every page of it.
//
// # Threads
//
// [Mover.Run] gives each order that is under way a goroutine, the carrier. At most one order
// of each donor is under way, and one about each slab. So a donor that is stuck holds up
// only its own orders.
//
// One thread, the copier, does the jobs of all carriers, several at a time. It has a ring
// and connections of its own, one to each donor, so that demand reads never queue behind a
// copy. It may allocate, and waits for nothing but its ring. The connections stay when a
// move is over. The copier begins with the first job.
//
// The methods of Mover may be called from any goroutine.
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
// While a donor of the move cannot be reached, the order waits in line, and others of its
// donor go first. If the new donor is lost, the slab is back at the old one, and the order
// begins anew. If no donor has room, or the old donor is short of memory and the move takes
// too long, the backing file serves the slab: it is dropped. A slab that leaves a slow donor
// stays instead.
//
// An urgent order does not wait for a calm one. A calm order of the same donor stops in the
// middle: both donors serve its slab, and it goes on afterwards. Other calm orders copy
// nothing while an urgent one copies that has time left.
//
// # Test reads
//
// A slow donor that lost its hot slabs has few reads, or none, to show that it is well
// again. So the memory of the first slab that leaves it stays lent, without being used,
// for as long as the donor is slow: the mover reads from it. A donor that wants that memory
// back gets it at once.
package mover
