// Package swapdev is the swap device: it joins the ublk driver, the slab map,
// the connections to donors and the backing file.
//
// # Dangers
//
//   - The machine may depend on this process for free memory. Once a device is
//     open, a queue's thread allocates nothing, takes no lock that is held across
//     I/O, and waits on no other goroutine. What must not hold it up (mapping,
//     connecting, logging) is done elsewhere and handed over with Loop.Post.
//   - A page has one writer at a time, over all queues: slabmap.BeginWrite.
//     Requests that meet a page in use are parked and tried again.
//   - With the acknowledge policy remote-first, a write is answered when the
//     donor has it, and its buffer goes on to the backing file. Until that has
//     ended, the donor's is the only copy beside the buffer.
//
// # Threads
//
// Each ublk queue has a thread with a loop, and on it a queue of this package:
// the tables of its requests and of their parts, one link per donor. All of a
// queue's state belongs to that thread. Shared between queues are the slab map
// (atomics), the keys of mapped slabs (written before a slab becomes mapped,
// constant while an operation is counted in), and the progress of acknowledged
// writes, for flushes.
//
// One goroutine per donor keeps its session and connections; one maps hot
// slabs; one tells what the queues have noted; one follows the cluster, if there is one, and adds donors that appear.
// The mover, on a thread of its own with a ring and connections of its own, gives
// slabs back to donors that want them, and moves them away from slow ones; one judges
// which those are. They may allocate and wait; every wait has
// a deadline.
//
// # A request
//
// A write claims its pages, goes as one part per slab to the slab's donor and
// as one part to the backing file, and is answered by the acknowledge policy.
// A read asks the map where each page is and reads runs of pages with one
// source as one part each; what comes back is checked against the page's
// checksum, and read again or from the other copy if it is wrong: a page whose every
// copy was wrong twice is an error. A discard forgets pages. A flush waits until the
// backing file has all that was answered.
//
// # Readers in order
//
// A queue that sees requests follow on one another fetches the next pages from their
// donor, a run of up to the largest request at a time, into spare buffers. A page of a
// run answers a request if nothing has happened to it since it was looked up
// ([slabmap.Map.Same]) and its bytes have its checksum; so nobody has to tell the runs
// of writes, moves or lost donors. Runs yield their buffers to writes that need one.
//
// # Transports
//
// Pages travel over RDMA or TCP. Each session with a donor takes the first of them
// that both ends have and that connects, for all queues, and keeps it to its end;
// keys are good for that transport alone. A transport is opened, and the buffers of
// the queues registered with it, when the first donor is connected through it, so
// an RDMA adapter may come and go while the device is in use.
//
// # Probes
//
// Package bpf measures in the kernel what pages cost applications. Probes are attached
// when the device is there and before anything swaps to it; a kernel or a user that
// does not allow it costs their figures in status and nothing else, unless they were
// insisted on.
//
// # When a donor wants a slab back
//
// The slab moves to another donor while it is in use. Writes go there at once, a
// page is read where it is, and the mover copies what was not written since, a few
// claimed pages at a time. If no donor has room, or the donor is short of memory
// and the move takes too long, the backing file serves the slab, provided that it
// has every page.
//
// # When a donor is slow
//
// A goroutine judges the donors once a period by the reads of the queues' connections
// ([slabmap.Judge]), and orders the hottest slabs of slow ones to be moved like those
// that donors want back; they stay if no other donor has room. The memory of the first
// of them is kept at the donor for test reads, by which it shows that it is well again.
// Every map and move is kept with what it went by: status has the last ones, and the
// local socket those of one slab.
//
// # When a donor is lost
//
// A connection or session that fails takes the donor's slabs with it: their
// epoch moves, which voids all remote copies at once; reads go to the backing
// file, and slabs still hot are mapped to another donor. A donor that answers
// again is used again, with nothing of its old content.
//
// # What it says of itself
//
// Each queue counts what it does and how long it takes, by source, and keeps the
// slowest requests of the last minute with their parts; all of it in place, on its
// thread. Status has a copy made between two passes. A request's time is what it was
// parked for, its longest part at a donor, its longest part in the backing file, and
// a rest that the server itself is to blame for: see status.SlowPage. The clock is
// read once per pass, so nothing is known to be shorter than that, and a request that
// a pass begins and ends took no time.
//
// What happens is told through the journal, which writes the log's line and keeps the
// event for status from the same words. A queue's thread only leaves a note, which is
// lost when there are too many; of one kind at most one a second is told, with the
// number of those that were not.
package swapdev
