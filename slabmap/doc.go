// Package slabmap knows where every page of a swap device is. It does no I/O,
// reads no clock and starts no goroutine: time and figures are passed in, and
// what it decides is carried out by its caller.
//
// # Dangers
//
// A page that was written and whose every copy is gone is Lost, which is not
// the same as never written. A caller that serves zeros for View.Place == None
// without looking at View.Lost hands wrong bytes to the kernel.
//
// A write that reached a donor must be recorded (EndWrite) before it is
// counted out (Done). In the other order its slab can be unmapped and mapped
// elsewhere in between; the record is then void, as it should be, but the
// guarantee about wrapping tags below no longer holds.
//
// EndWrite, AbortWrite, EndPending and Done panic when they are called
// without their beginning: the map would be wrong from there on, and a server
// that stops is recovered, while a wrong map is not.
//
// The map never waits. BeginWrite, Discard, Acquire and EndDrain say no when
// something is in the way; parking the request is the caller's.
//
// # The address space
//
// A device of Geometry.Size bytes is cut into slabs of one size; all remote
// pages of one slab are on one donor. The last slab may be short.
//
// # Slabs
//
// A slab is one atomic word: state, donor and epoch.
//
//	unmapped ──BeginMap──► mapping ──CompleteMap──► mapped ──BeginDrain──► draining
//	    ▲  ▲                  │                        │                      │ │
//	    │  └─────AbortMap─────┘                       Fail ◄──────────────────┘ │
//	    │                                              ▼                        │
//	    ├────────────────Release──────────────────── failed                     │
//	    └────────────────EndDrain───────────────────────────────────────────────┘
//
// Beside it there is a way from mapped to mapped at another donor, by migrating:
// BeginMove, EndMove. Meanwhile pages are at two donors: see move.go.
//
// BeginMap, BeginMove, Fail, EndDrain and Release move the epoch. Each method names the
// epoch it means, so that a decision taken about an earlier life of the slab
// changes nothing in a later one. Operations on a slab's remote memory are
// counted in with Acquire, AcquireRead or AcquireOld and out with Done; EndDrain and
// Release succeed only when none is in flight, so donor and keys stay what
// they were for as long as an operation is counted in.
//
// # Pages
//
// A page is one atomic word: CRC32C of its content, the low 24 bits (the tag)
// of its slab's epoch at the time of the remote write, a count of writes
// modulo 16, and the flags Remote, Backing, Writing and Pending. The remote
// copy is valid only while the tag is that of the slab's present epoch and the
// slab is mapped, migrating or draining; while it is migrating the epoch before
// counts as well, at the old donor. Moving the epoch therefore voids all remote
// copies of a slab at once, and a write that completes late cannot bring one
// back. Tag 0 is never an epoch's; before tags begin again at 1, BeginMap
// marks the slab's old tags void.
//
// # Placement
//
// [PowerOfTwo] is the paper's: of two donors at random the emptier one. [ByLatency]
// weighs memory and latency. What it knows of latency is a [Judge]'s, which is told of
// the reads of every period, says which donors are slow, and names the slabs that are
// to leave them. Moving them is the caller's, who tells the judge what came of it
// (Moved, Refused), so that no slab moves to and fro. The judge asks for test reads of
// slow donors (Tests): one that lost its slabs has no reads to show that it is well.
//
// # Memory
//
// The state lives in memory given to New, off the Go heap: 8 bytes for each
// page, 64 for each slab and 64 for the header, at most 0.2% of the device. It
// may be a file mapped shared, which a later server takes over.
//
// # Concurrency
//
// All methods of Map may be called from any goroutine, except Tick and
// HotSlabs, which belong to one goroutine. Per-request methods neither
// allocate nor block. A Judge belongs to one goroutine, or to who has its lock.
package slabmap
