// Package path is the way of a page: what a queue of the swap device does with a request
// from the kernel, until it answers.
//
// # Dangers
//
//   - The machine may depend on this package for free memory. Once a queue is open, its
//     thread allocates nothing, takes no lock that is held across I/O, and waits for no
//     other goroutine. What would hold it up (mapping, connecting, logging) happens
//     elsewhere and reaches the queue through Loop.Post.
//   - A page has one writer at a time, over all queues: see slabmap.BeginWrite. A request
//     that meets a page in use is parked and tried again.
//   - Under RemoteFirst, a write is answered when the donor has it, and its buffer goes on
//     to the backing file. Until that write ends, the donor holds the only copy beside
//     the buffer. Under Strict, the backing file has every page that was answered.
//   - A request keeps its tag until it is answered: the driver takes none back. What waits
//     for a donor that stalls goes on without it where the backing file has the page, so the
//     donor keeps half of the tags at most: see lend.go. Without a backing file, and for
//     pages that only the donor has, requests wait for as long as it stalls. They may take
//     every tag of the queue, and then requests for other donors wait in the kernel. Nothing
//     in this package can change that. More queues do, whose tags are apart, and a greater
//     depth than requests can come for one donor.
//   - A failed connection leaves WRITEs that the donor may still carry out. The link raises
//     the barrier before any of their parts ends: see connection.go and [Barrier].
//
// # Threads
//
// Each queue belongs to one thread, the one that opened it: its tables of requests and
// parts, its links to donors, its counts. Queues share the slab map (atomics), the keys of
// mapped slabs (written before a slab becomes mapped, constant while an operation is
// counted in) and the progress of acknowledged writes, which flushes wait for.
//
// The exported methods of [Queue] that another goroutine may call say so. They post a
// function to the queue's loop.
//
// # Where things are
//
//	queue.go          the queue: it opens, serves, completes, and closes
//	write.go          the numbered way of a write
//	read.go           the numbered way of a read
//	prefetch.go       pages that are fetched before the kernel asks; run.go keeps them
//	seal.go           pages are sealed before they leave, and opened when they come back
//	flush.go          waits for the backing file
//	backing.go        the backing file: allocate.go gives it its room, health.go says whether it works
//	discard.go        forgets pages
//	hedge.go          goes on without donors that are late
//	lend.go           buffers that late donors keep
//	kept.go           writes again what is nowhere but in a buffer
//	link.go           posts parts on a connection to one donor
//	connection.go     connections come, fail, and are replaced
//	pace.go           when a donor is late
//	state.go          what all of these work on
//	request.go        the table of requests, by tag
//	part.go           the table of parts: one I/O each
//	slowest.go        the slowest requests of the last minute
//
// # Measuring
//
// A queue counts what it does and how long it takes, by source, in place and on its own
// thread. The clock is read once per pass of the loop, so no duration below a pass is
// known, and a request that begins and ends in one pass takes no time.
package path
