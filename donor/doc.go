// Package donor is the daemon that lends memory: it joins control (who may have
// a slab), verbs (who can reach it) and a pool of locked memory.
//
// # Dangers
//
//   - What is lent is taken from the machine for as long as a device holds it:
//     locked, never swapped, not given back under pressure. [Config].Memory is
//     the limit, and prepared slabs count against it.
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
// lease, counted from the return, is freed.
package donor
