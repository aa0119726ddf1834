// Package rdma implements package verbs over RDMA, on rdma-core (libibverbs and
// librdmacm). The adapters carry the operations out, and the CPU of the memory's owner
// does nothing.
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
// fail, as with a peer that is gone. The server listens again, under new keys, when
// there is a device with its address. Some drivers (rxe before Linux 7) do not remove a
// device that a process has open: both ends close it as soon as the kernel tells them.
// The kernel does not tell a server that listens on all addresses and has no
// connections; a removal then waits until that server ends.
//
// # One binary
//
// The libraries are loaded when they are first needed. Without them, without a
// device, or in a build without cgo, [Open] and [Listen] fail with
// verbs.ErrUnavailable and the reason; nothing else changes.
//
// # Isolation
//
// The regions of all sessions of a server share a protection domain, because memory is
// registered before it is known for whom. The key keeps sessions apart. It is the
// adapter's own remote key, which others can guess, and the address of the region, of
// which 32 bits are random. A wrong guess is a remote access error and ends the
// connection. A session has 1,024 slots for connections, and each wrong guess uses up
// one. This bounds the luck of an attacker who has one session; who can open many sessions
// can guess as often. The adapter refuses wrong guesses without telling the server, which
// therefore looks at the state of a queue pair before it ends it: one that an error has
// ended counts as a wrong guess. One that comes microseconds before the look may go
// uncounted. The adapter does not ask who uses a right key.
//
// A key is never used twice. [Server.Deregister] invalidates it at the adapter
// before it returns, and memory that is lent again gets another one.
//
// # Waiting
//
// A pass of the loop polls the completion queues before it sleeps, for as long as
// verbs.QPConfig.Spin says, without a system call. When that has brought nothing a few
// times in a row, the peer is slower than the bound, and the loop stops polling for a
// while. It then asks the adapter for an event, and the ring watches the file that
// brings it.
//
// # Threads
//
// Everything of a queue pair happens on its loop's thread, except its end. To destroy
// it is a system call that may take long, so a goroutine makes it. The queue pair's
// operations complete when the call has returned.
//
// # iWARP
//
// The active side speaks first, as it must: it only ever posts READs and WRITEs.
// Memory that READs fill is registered for remote writes there. Immediate data,
// atomics and on-demand paging are not used.
package rdma
