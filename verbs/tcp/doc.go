// Package tcp implements package verbs over TCP, with io_uring on both sides.
//
// A device has no threads: each queue pair is driven by the loop that it was
// attached to, and one pass of that loop carries the requests of all its queue
// pairs. A server has a few threads, each with a loop of its own, over which
// connections are spread. No goroutine and no allocation is spent on an
// operation.
//
// # Dangers
//
// The data path is not encrypted. The handshake proves to each side that the
// other knows the session's secret, but whoever can read the wire reads pages
// and keys, and whoever can change it can change pages. Use it on a network of
// your own, or through a tunnel.
//
// A user-space TCP socket cannot use the kernel's emergency memory. Under
// extreme memory pressure the kernel may fail to send or to receive the very
// page whose arrival would free memory. A process that others wait for in order to
// free memory marks itself as an I/O flusher (prctl PR_SET_IO_FLUSHER).
//
// A server whose ring fails panics. It can no longer know when the kernel lets go
// of lent memory. Only the end of the process then keeps the promise of Deregister.
//
// Config.KeepProcs changes GOMAXPROCS of the whole process: see package uring.
//
// # Wire
//
// The device sends batches: the headers of up to 256 operations, then the data
// of the WRITEs among them. The server answers every operation in order. So the
// device knows at any time what the next bytes will be, and receives them with
// one recvmsg straight into reply headers and registered buffers; the server
// knows it of payload, and receives that straight into lent memory. See wire.go
// and handshake.go.
//
// On the device, one Doorbell is one sendmsg. While it is being sent, what is
// posted gathers for the next. With nothing under way, the receive of the
// replies is linked behind the send: one system call and one completion for a
// page at depth 1. On the server, all answers that are ready go in one sendmsg.
//
// # Bounds
//
// Per connection a server keeps about 40 KiB, at most 256 operations and one
// batch; a device that asks for more than its depth, or does not read, is not
// read from until it does. TCP_USER_TIMEOUT ends it. Handshakes have a deadline.
// A server begins at most 250 a second, and 250 more with addresses that have proven
// themselves before. It runs at most 96 at a time, 64 from one address, and a newer
// one takes the place of the oldest: see package netlimit.
//
// # Memory taken back
//
// Every thread has its own copy of the sessions' keys, and looks at it on its
// own thread only. Deregister makes each thread forget the key. It then waits until
// no send or receive in flight, and no answer waiting to be sent, touches the
// memory. A connection that still touches the memory after 10 ms is shut down, which
// ends its sends and receives.
package tcp
