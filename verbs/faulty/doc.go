// Package faulty wraps an implementation of package verbs and goes wrong on purpose: it
// drops, delays, fails and corrupts operations by a seed, and cuts whole servers off on
// command. It is for tests, and allocates as it likes.
//
// Every fault keeps to the contract of package verbs, so that a caller which
// keeps to it too must survive them all: completions come in posting order,
// buffers come back with them and not before, and after an error the queue pair
// flushes.
//
//   - Drop: the operation never completes; with it wait all behind it, until
//     Tick finds it too old. One half of them is carried out all the same, as
//     when a reply is lost instead of a request.
//   - Delay: the completion comes up to DelayMax late.
//   - Fail: the queue pair fails with StatusTransport at the operation.
//   - Corrupt: one bit of the data arrives altered: in the buffer of a READ, in
//     the server's memory for a WRITE (the caller's buffer stays as it is).
//   - Kill: all connections to an address fail, and none can be made, until
//     Heal.
//   - Late: a WRITE that fails, for whatever reason, is carried out afterwards: up to
//     LateMax after the failure, and before a later connection of the same place is made.
//   - Stall: the connection stands still for up to StallMax. Operations are held back, and
//     so are completions; then all of them go on. The method Stall does the same to an
//     address until Release. WRITEs that are held back when their queue pair fails are
//     carried out late.
//
// The fates of a connection's operations depend on the seed, on the number of
// the connection and on their order alone.
package faulty
