// Package verbs is one-sided memory access between machines, in the terms of RDMA:
// registered regions with keys, reliable connections (queue pairs), READ and WRITE
// posted in batches, completions polled. It is for anybody whose program uses the
// memory of another machine. The active side, a Device, reads and writes memory that
// the passive side, a Server, has lent. The owner of the memory gives out the key and
// takes no part in an operation.
//
// This package holds the contract. Package verbs/rdma implements it on RDMA adapters,
// and verbs/tcp over TCP, driven by the caller's own ring. Package verbs/faulty wraps
// an implementation and injects faults; verbs/verbstest tests one.
//
// # Dangers
//
// Buffers belong to the kernel from Post until the completion. Between the two,
// the caller must neither read, write, free nor unmap WR.Local. That holds for
// failed connections too: [QP.Fail] does not give buffers back, completions do.
// After a completion whose status is not [StatusOK] the contents of a READ's
// buffer are undefined, and a WRITE may have been carried out wholly, in part or
// not at all. It may still be carried out later: see "Failure".
//
// Memory handed to [Device.Register] and [Server.Register] must lie off the Go
// heap (package offheap) and stay mapped until the region is closed or
// [Server.Deregister] has returned. The kernel holds bare addresses in it, which
// the garbage collector cannot see.
//
// Keys and secrets are capabilities. Whoever knows a session's secret can
// connect as that session; whoever knows a key besides can read and write the
// region. Send them over the authenticated control connection alone, and never
// log them: [Credential] and [Key] print themselves without their value for this
// reason. Whether the data path is protected against a listener on the network
// depends on the implementation; neither verbs/tcp nor verbs/rdma encrypts it.
//
// Nothing here detects altered bytes. Check what comes back from another machine by
// a checksum of your own.
//
// # Threads
//
// A [QP] belongs to the loop that it was attached to. All its methods, and
// [Conn.Attach], must be called on that loop's thread; there is no lock. The
// notify function runs on the same thread, from inside [uring.Loop.Pass], never
// from inside a method of the QP; it may call any method of the QP.
//
// [Device], [Region], [Conn.Close] and [Server] may be used from any goroutine.
// Their methods are the control path: they allocate and may block. Post,
// Doorbell, Poll, Outstanding, Tick and State neither allocate nor block.
//
// # Order
//
// The semantics are those of a reliable connection. Operations of one QP are
// carried out once, in posting order, and complete in that order; between two
// QPs there is no order at all. A READ sees every WRITE posted before it on the
// same QP. The reverse does not hold, as on RDMA without a fence: a WRITE posted
// while an earlier READ of the same bytes has not completed may already be seen,
// in part, by that READ. Wait for the READ's completion.
//
// An operation of up to [MaxLength] bytes is not atomic against other QPs.
//
// # Failure
//
// Errors are fatal to the QP. A remote access error, a transport error, a
// protocol error or a timeout moves it to [StateError]: the operation that was
// hit completes with its own status, all others posted after it with
// [StatusFlushed], and Post refuses from then on. There is no way back; Close it
// and Connect again.
//
// A WRITE that did not complete with StatusOK can happen later. Its bytes may lie in a
// buffer of either machine or of the network, and reach the server's memory long after
// this side has given the connection up. It is certain that no operation of a failed
// connection touches memory any more when one of these has happened:
//
//   - Connect has returned a later connection of the same place;
//   - [Server.Revoke] has returned for the session;
//   - [Server.Deregister] has returned for the key, as far as its region goes.
//
// Before that, whoever writes to the memory that such a WRITE named risks that the old
// bytes overwrite the new ones, whatever connection he writes by.
//
// A dead peer is noticed by operations that do not complete. The owner calls
// [QP.Tick] from time to time, at least four times per [QPConfig.Timeout]. A QP
// without outstanding operations need not notice that its peer has gone.
//
// # Places
//
// A connection can have a place in its session: a number that says what it is for. The
// connections of a place follow one another, and each attempt has a higher generation
// than the one before. A server that gets a claim to a place ends the connection that has
// it, waits until none of its operations can touch memory any more, and only then
// accepts. This is the fence. A claim whose generation is not above the highest that the
// server has seen is refused with [ErrFenced], so that a claim which was held up on its
// way cannot end a later connection. The generations of a place live as long as the
// session. What is known of a place holds for one server: the servers of two transports
// do not fence each other's connections.
//
// # Life of a connection
//
//	conn, err := dev.Connect(ctx, addr, cred, verbs.QPConfig{Depth: 64})
//	// on the loop's thread:
//	qp, err := conn.Attach(loop, notify)
//	err = qp.Post(&verbs.WR{ID: 7, Op: verbs.OpRead, Local: page, Remote: off, Key: grant.Key})
//	qp.Doorbell()
//	// … loop.Pass calls notify:
//	n := qp.Poll(completions[:])
//	// to end it:
//	qp.Fail(reason) // only if something is outstanding: then Poll until nothing is
//	err = qp.Close()
package verbs
