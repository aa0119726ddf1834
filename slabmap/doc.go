// Package slabmap knows where every page of a swap device is. It does no I/O, reads no clock and starts no
// goroutine: its caller passes time and figures in and carries out its decisions.
//
// # Dangers
//
// A written page without any copy is Lost, which differs from a page that was never written. A caller that
// serves zeros for View.Place == None and ignores View.Lost gives wrong bytes to the kernel.
//
// For a write that has reached a donor under the epoch of a move that has not ended, call EndWrite before Done.
// In the other order the move may be aborted in between, and the next one has the same epoch: the record would
// name a donor that has no such copy. Any other write may call Done first, so as not to keep the donor's memory.
// If the slab is then unmapped or mapped elsewhere, the record is void, as it should be: see Counts.
//
// EndWrite, EndCopy, AbortWrite, EndPending, EndRestore and Done panic without the call that begins their
// operation. The map would be wrong from then on. A new server recovers from a panic, and not from a wrong map.
//
// The map never waits. BeginWrite, Discard, Acquire and EndDrain return false or ErrBusy when another
// operation is in the way; the caller parks the request.
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
// BeginMove and EndMove take a mapped slab to another donor, by the state migrating. Meanwhile pages are at
// two donors, and AbortMove takes the slab back to the old one: see move.go.
//
// BeginMap, BeginMove, Fail, EndDrain and Release increase the epoch; AbortMove takes it back to that before
// the move. A caller passes the epoch that it means to each method, so that a decision about an earlier life
// of the slab changes nothing in a later one. Acquire, AcquireRead and AcquireOld count an operation on the slab's remote memory in, and Done
// counts it out. EndDrain and Release succeed only when no operation is in flight, so donor and keys do
// not change while an operation is counted in.
//
// # Pages
//
// A page is one atomic word: the CRC32C of its content, the low 24 bits (the tag) of its slab's epoch at the
// time of the remote write, a count of writes modulo 16, and the flags Remote, Backing, Writing and Pending.
// The remote copy is valid only while the slab is mapped, migrating or draining and its epoch has the same
// tag. While the slab is migrating, the tag of the epoch before is valid, too, at the old donor. So a new
// epoch voids all remote copies of a slab at once, and a late write cannot bring one back. No epoch has the
// tag 0. Before tags begin again at 1, BeginMap voids the old tags of the slab; BeginMove voids those of a
// move that was aborted.
//
// # Seals
//
// The pages of a sealed device are encrypted and authenticated before they are stored. The map keeps a [Seal] for
// each page, and gives each write a counter that no other write of the page gets, whatever ends it. A caller that
// seals two contents under one counter betrays both: take the counter from NextCounter, once the page is claimed,
// and seal once for each claim. See seal.go.
//
// # Placement
//
// [PowerOfTwo] is the placement of the paper: it takes the emptier of two random donors. [ByLatency] weighs
// memory and latency. It knows latencies from a [Judge]. The caller tells the judge the reads of every
// period; the judge says which donors are slow and which slabs should leave them. The caller moves the slabs
// and reports the outcome (Moved, Refused), so that no slab moves back and forth. The judge asks for test
// reads of slow donors (Tests), because a donor without slabs has no other reads to show that it has
// recovered.
//
// # Memory
//
// The caller of New provides the memory, off the Go heap: 8 bytes for each page, 24 if the device is sealed, 64
// for each slab and 64 for the header. That is at most 0.2% of the device, or 0.6%. A shared mapping of a file allows a later server to take over.
//
// # Concurrency
//
// All methods of Map may be called from any goroutine, except Tick and HotSlabs, which belong to one
// goroutine. Methods for requests neither allocate nor block. One goroutine at a time may use a Judge.
package slabmap
