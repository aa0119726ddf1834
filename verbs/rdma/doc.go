// Package rdma implements verbs over RDMA, on rdma-core (libibverbs and
// librdmacm): one-sided operations that the adapters carry out, while the donor's
// CPU does nothing.
//
// # Dangers
//
// Nothing is encrypted, and on most fabrics nothing is authenticated either:
// whoever can send packets into the network of the adapters, and has seen keys on
// the wire, can read and write what is lent. Use RDMA between machines that trust
// their network.
//
// Registered memory is pinned. It counts as locked memory of the process that
// registered it, and a fork must not write to it: memory of package offheap is
// kept out of forks.
//
// An adapter that is removed takes its queue pairs and keys along. Connections
// fail, as with a peer that is gone; the server listens again when there is a
// device with its address, under new keys. Some drivers (rxe before Linux 7) cannot
// be removed while a process has the device open: both ends close it as soon as
// they are told. A server that listens on all addresses and has no connections is
// not told; there, removing waits for its end.
//
// # One binary
//
// The libraries are loaded when they are first needed. Without them, without a
// device, or in a build without cgo, [Open] and [Listen] fail with
// verbs.ErrUnavailable and the reason; nothing else changes.
//
// # Isolation
//
// The regions of all sessions of a server share a protection domain, because
// memory is registered before it is known for whom. What keeps sessions apart is
// the key: the adapter's own remote key, which others can guess, and the address
// of the region, of which 32 bits are random. A wrong guess is a remote access
// error, which ends the connection; a session may connect 1,024 times. That bounds
// luck, not patience: a device with a certificate can open one session after the
// other. The donor logs each of those, but not the guesses, which its adapter refuses.
// Who has been told a key is not asked who he is.
//
// A key is never used twice. [Server.Deregister] invalidates it at the adapter
// before it returns, and memory that is lent again gets another one.
//
// # Waiting
//
// A pass of the loop looks at the completion queues before it sleeps, for as long
// as verbs.QPConfig.Spin says, without a system call. If that has brought nothing
// a few times in a row, it is given up for a while: the peer is slower than the
// bound. Then the adapter is asked for an event, and the ring watches the file
// that brings it.
//
// # Threads
//
// Everything of a queue pair happens on its loop's thread, but for its end:
// destroying it is a system call that may take long, which a goroutine makes. Its
// operations complete when that has returned.
//
// # iWARP
//
// The active side speaks first, as it must: it only ever posts READs and WRITEs.
// Memory that READs fill is registered for remote writes there. Immediate data,
// atomics and on-demand paging are not used.
package rdma
