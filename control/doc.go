// Package control carries the messages between devices and donors: it proves their identities, and
// tells a device how much a donor lends and at which address and key the memory is.
//
// # Dangers
//
//   - Every certificate of the CA may open sessions, and every certificate with a host may serve as
//     that host. Whoever reads ca.key can issue such certificates for any name. Keep ca.key off
//     the machines that run farswap.
//   - The package checks a certificate when a session opens and not again while the session lasts.
//     To exclude a machine, end its sessions or restart the donor.
//   - Insecure mode has neither identity nor secrecy. The package refuses it for every address that
//     is not loopback, because the messages carry the keys to the donor's memory.
//   - [Session.Close] waits for the handler. A [Handler] that calls Close of its own session waits
//     for itself; it must call [Session.Abort] instead.
//   - After a [Session.Call] has timed out, the peer may still have carried out the request. The
//     owner of state, such as a mapped slab, has to ask again, undo the request, or end the session.
//
// # Protocol
//
// A device opens one TCP connection per donor, with TLS 1.3 and certificates on
// both sides (see [InitCA], [Issue], [LoadIdentity]). The device sends 12 bytes, magic and protocol
// version, and the donor answers with its own 12. So each side can name the other's version,
// whatever the versions send afterwards. Frames follow: a 12-byte header (body length, kind, flags,
// request number; little-endian) and a CBOR body, together at most 64 KiB. The device sends [Hello]
// and the donor answers [Welcome]. From then on either side sends requests:
//
//	QueryMem      → FreeMem    how much memory the donor has     (device asks)
//	Map           → MRInfo     lend one slab, or claim a held one
//	Unmap         → Done       take a slab back
//	QueryHeld     → Held       more of the list in Welcome
//	CheckActivity → Activity   how busy some slabs are           (donor asks)
//	Evict         → Evicting   give some slabs back
//	Ping          → Pong       either side asks
//
// A [Failure] can answer any request. Its code stands for one of this package's sentinel errors, so
// errors.Is sees the same error on both machines. A Failure with request number 0 says why the
// sender ends the session.
//
// # Suspended sessions
//
// A session outlives its connection for a grace time, which Hello asks for and Welcome grants. The
// donor keeps the keys and the data connections meanwhile. The device connects again with the number
// of the session in its Hello ([Session.Resume]): only the same device under the same identity goes
// on with it. A Hello that resumes never ends another session.
//
// # Decoding
//
// The decoder skips unknown fields, so that a newer peer can add some. Everything else is strict: it
// bounds lengths and nesting, refuses indefinite lengths, tags, duplicate keys and trailing bytes,
// and each message checks its own fields. A peer that breaks the rules loses its own session only.
//
// # Waiting
//
// Every wait has a deadline: [Timing].Handshake for the handshake, [Timing].Call or the context for a
// call (a Map waits for the context alone), and [Timing].Ping × [Timing].Missed for a silent peer. A
// side that has not run for a while itself reads what came meanwhile before it gives the peer up, and
// [Session].Alive lets data count as a sign of life.
package control
