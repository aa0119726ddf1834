// Package donor lends a machine's memory to devices. It joins control (sessions and messages),
// verbs (one-sided access to memory), evict (how much to lend) and a pool of locked memory.
//
// # Dangers
//
//   - The donor locks the memory that it lends, so the machine's own programs lose it. It takes
//     slabs back when less than [Config].HeadRoom is available. That takes a second or two, in
//     which a fast-growing program can use up the headroom. [Config].Memory is the limit;
//     prepared slabs count against it.
//   - Without headroom the donor takes nothing back for the machine's own programs. The kernel
//     swaps or kills them first.
//   - A device that does not return slabs in time loses its session and all its slabs here. It
//     reads its pages from its other copies. A page without another copy is lost.
//   - A reserve protects against other names and not against the machine. When memory is short,
//     the donor chooses slabs by their activity alone.
//   - TCP and RDMA authenticate pages and do not encrypt them. Everybody who can read the network
//     between device and donor can read the pages. The control connection carries keys and
//     secrets over TLS.
//   - [Donor.Close] frees every slab, also those under lease. Devices fall back to their other
//     copies.
//
// # Memory
//
// A goroutine maps, touches and locks slabs ahead of need, because that takes far longer than
// the rest of a Map. It uses the slab size of the last Map. It also announces the slabs to each
// transport's server, because an RDMA adapter takes time to register them.
//
// The donor unmaps a slab that comes back and lends fresh mappings only, so no device reads the
// content of another. Before it unmaps memory it revokes the key in verbs. The revocation
// returns only when no remote operation can touch the memory, now or later.
//
// # Headroom
//
// Once a [Config].Tick the donor reads the machine's memory (package internal/memory) and
// carries out the plan of package evict. The plan also bounds how many slabs the donor prepares.
// Memory goes back in this order:
//
//  1. prepared slabs;
//  2. slabs under lease: those of lost devices before unclaimed ones, the oldest lease first;
//  3. mapped slabs: the donor picks [Config].Extra more than it needs at random, and takes the
//     least active. It does not pick a slab that was mapped since the tick before the last,
//     because its device may not know yet that it has the slab.
//
// Devices have half a second to tell the activity of their slabs. The donor takes slabs of
// silent devices last. It asks a device (Evict) for the chosen slabs; the device moves or drops
// each and sends Unmap. The donor waits for the Unmap and not for the answer to Evict. If no
// further Unmap comes within a minute, or within 3 seconds in a real shortage, the donor ends
// the session, which revokes its keys, and frees the slabs that it asked back, without a lease.
// It does the same at once with a device that does not know Evict. When a session ends for
// another reason meanwhile, the slabs that were asked back are freed, too, unless the device is in
// recovery.
//
// A Map passes the ledger, which knows what the governor allows at that moment. The ledger
// refuses a device that goes by an old announcement (control.ErrNoMemory). After a shortage the
// donor lends nothing for ten seconds.
//
// [Donor.Drain] takes everything back, a batch at a time, and ends Serve. [Donor.Resize] changes
// the limit and the headroom.
//
// # Quotas
//
// Every device with a certificate of the CA may use a donor, or only the names in
// [Config].Allow. Bounds and reserves apply to all devices of a name together: a device chooses
// its UUID itself, and not the name in its certificate. Memory under lease counts. FreeMem tells
// a device how much that device can get.
//
// # Transports
//
// A donor serves the same memory over TCP and RDMA, as far as the machine can and
// [Config].Transport allows. All servers admit a session, with one credential. A device maps a
// slab for one transport, and the key of the slab is valid there only. With transport "auto"
// RDMA may start late, and may end. The donor goes on without it, and tells the sessions that
// begin later which transports there are.
//
// # Suspended sessions
//
// When the control connection of a session breaks or falls silent, the donor keeps the session for
// the grace time that the device has asked for, at most [Config].Lease, or half a minute if that is
// shorter: keys, slabs and data connections stay as they are. A device that connects again under the same identity with the
// number of the session goes on with it. The donor asks it again for slabs that it wants back.
// Data that arrives counts as life, where the transport shows it. A device that says goodbye, or
// breaks the protocol, ends its session at once. So does a donor that does not get slabs back in
// time.
//
// # Leases
//
// When a session ends, for whatever reason, the donor revokes its data connections and keys
// first. Then it keeps the slabs for [Config].Lease, counted from when the device was last
// there. When a device comes back with the same UUID
// under the same identity, the donor lists the slabs that it holds. The device claims them (a
// new key, the same content) or gives them up. The donor refuses another identity. A second
// session of a device ends the first. The donor frees slabs that the device does not claim
// within the lease, counted from the return, and sooner when it needs memory.
//
// # Recovery
//
// A device that is lost without a goodbye is in recovery: its server has died, and another one may
// take over. So is a device with a session that has not claimed or given up all slabs that the donor
// holds for it. A recovery takes half a minute at most, counted anew from each session, and two minutes
// in all. Meanwhile the lease does not end, and the slabs count like mapped ones: leases of others go
// first, and what the donor asks back has the same minute (3 seconds in a real shortage) to be
// claimed. A claim takes the request back; if the donor still needs memory, it chooses anew.
//
// The end of the first session is the fence against its server: when the donor answers the Hello of
// the second one, the keys of the first are gone and its data connections are closed, so that no WRITE
// of it, however late, reaches a slab that the second claims. Over TCP the threads of the server have
// forgotten the session. Over RDMA the queue pairs are destroyed, and the memory is registered anew
// at another address under another remote key.
//
// Of two servers of one device that both live, the one of the higher generation has the slabs: a Hello tells
// which that is. Of the same generation are two machines that a virtual machine was copied to: the later
// Hello wins. The other server hears control.ErrOtherServer, and does not dial again.
//
// # Upgrades
//
// A donor can go on in another process: see [Succession] and [Heir]. Slabs lie in a file without a name,
// which the other process maps and locks while this one still serves. Sessions are suspended
// meanwhile. Keys over TCP stay; over RDMA the adapter ends them with the process, and the donor
// lists these slabs as held when the device connects again.
package donor
