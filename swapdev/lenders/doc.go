// Package lenders is the donors of one swap device: who they are, a session with each, and
// the connections that pages travel over.
//
// # Dangers
//
//   - A donor is usable only under its lock, see [Donor.While]: it can be lost between
//     any two calls. Whoever makes a slab usable does so inside While.
//   - A transport's buffers must be left before they are freed: see [Transport.Leave].
//
// # A donor's life
//
// One goroutine keeps each donor. It dials a session over the control channel, claims the
// donor's name (two donors of one name cannot be told apart, so the second is not used),
// connects every queue over the first transport that both ends have and that works, and
// holds what it has. When a connection of a queue or of control breaks or falls silent, the
// donor is suspended: its slabs, keys and other connections stay, and that connection is made
// anew in the same session. The donor is lost when that takes longer than the grace time, or
// when the donor says that it has nothing of this device any more: it has ended the session,
// does not know it, or does not run. Then the slabs of the donor fail, the connections end on
// every queue, and the donor is dialled again, after a pause that grows to ten seconds.
//
// A donor that is asked for memory may answer late or never. [Lenders.Map] gives back what
// comes late.
//
// This package knows nothing of slabs and pages. What becomes of them when a donor is lost
// is a function that its owner sets: see [Config].
package lenders
