// Package donor is the daemon that lends memory: it joins control (who may have
// a slab), verbs (who can reach it), evict (how much may be lent) and a pool of
// locked memory.
//
// # Dangers
//
//   - What is lent is taken from the machine: locked, never swapped. The donor
//     takes it back when less than [Config].HeadRoom is available, but that takes a
//     second or two, in which a program that grows fast can use up the headroom.
//     [Config].Memory is the limit, and prepared slabs count against it.
//   - Without headroom nothing is taken back for the machine's own programs: they
//     are swapped or killed before the donor gives anything up.
//   - A device that does not return slabs in time loses its session, and with it
//     all slabs here. Its pages are then in its other copies, or, without any, lost.
//   - A reserve is kept from others, not from the machine: when memory is short,
//     whose slabs go depends on their activity alone.
//   - The pages themselves travel in the clear, over TCP and over RDMA:
//     authenticated but not encrypted. Whoever can read the network between
//     device and donor can read them. The control connection, with its keys and
//     secrets, is TLS.
//   - [Donor.Close] frees every slab, leased ones too. Devices fall back to
//     their other copies.
//
// # Memory
//
// Slabs are mapped, touched and locked by a goroutine ahead of need, in the size
// that was last asked for, because that takes far longer than the rest of a Map.
// They are made known to each transport's server as well, since registering them
// with an RDMA adapter takes its time, too. A slab that comes back is unmapped, and
// what goes out is always a fresh mapping, so no device reads what another wrote.
// Before memory is unmapped, its key is taken out of verbs, which returns only when
// no remote operation can touch the memory, now or later.
//
// # Headroom
//
// Once a [Config].Tick the donor reads the machine's memory (package
// internal/memory) and carries out what package evict plans. Slabs are prepared
// only as far as that allows. What goes back goes in this order: prepared slabs;
// slabs under lease, those of lost devices before unclaimed ones, of the oldest
// lease first; mapped slabs, of which [Config].Extra more than needed are picked at
// random, and the least active go. A slab that was mapped since the tick before the
// last is not picked, since its device may not know yet that it has it.
//
// Devices have half a second to say how active their slabs are. Silent ones go
// last. Those that are picked are asked (Evict) to return theirs: they move or drop
// each and Unmap it. What counts is the Unmap, not the answer: who has not unmapped
// another within a minute, 3 seconds in a real shortage, loses the session, which kills its
// keys; what was asked back is freed and not kept under lease. A device that does
// not know Evict loses it at once. So does, in effect, one whose session ends
// meanwhile.
//
// A Map passes the ledger, which knows what the governor allows at that moment: a
// device with an old announcement is refused (control.ErrNoMemory). Once memory was
// short, nothing is lent for ten seconds.
//
// [Donor.Drain] takes everything back, a batch at a time, and ends Serve.
// [Donor.Resize] changes the limit and the headroom.
//
// # Who may have how much
//
// Every certificate of the CA may use a donor, or those named in [Config].Allow.
// Bounds and reserves are for all devices of a name together: a device's UUID is its
// own word, its certificate's name is not. What is under lease counts. FreeMem is
// what the device that asks can get.
//
// # Transports
//
// A donor serves the same memory over TCP and RDMA, as far as the machine can and
// [Config].Transport allows. Each session is admitted by all servers, with one
// credential; each slab is lent over the one that the device maps it for, and its
// key is good there alone. With transport "auto" RDMA may come late, and may end:
// the donor goes on, and sessions that begin later are told what there is.
//
// # Leases
//
// When a session ends, for whatever reason, its data connections and keys are
// revoked first. Its slabs are kept for [Config].Lease. A device that comes back
// with the same UUID under the same identity is told what is held, and claims it
// (a new key, the same content) or gives it up; another identity is refused. A
// second session of one device ends the first. What is not claimed within the
// lease, counted from the return, is freed; sooner when the donor needs memory.
package donor
