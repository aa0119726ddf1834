// Package control carries the messages between a device and a donor: who is
// who, what a donor lends, where its memory can be reached.
//
// # Dangers
//
//   - Every certificate that the CA issued may open sessions and every one that
//     names a host may serve as that host. Whoever reads ca.key can do both for
//     anyone. Keep it off the machines that run farswap.
//   - A certificate is checked when a session opens, not again while it lasts.
//     To shut a machine out, end its sessions or restart the donor.
//   - Insecure mode has neither identity nor secrecy. It is refused for every
//     address that is not loopback, because the grants that pass here open the
//     donor's memory.
//   - [Session.Close] waits for the handler: a [Handler] that calls Close of its
//     own session waits for itself. Use [Session.Abort] there.
//   - A [Session.Call] that times out may have been carried out by the peer. An
//     owner of state (a mapped slab) has to ask, undo, or end the session.
//
// # Protocol
//
// A device opens one TCP connection per donor, with TLS 1.3 and certificates on
// both sides (see [InitCA], [Issue], [LoadIdentity]). The device sends 12 bytes,
// magic and protocol version; the donor answers with its own 12, so that each
// side can name the other's version whatever comes after them. Then come frames:
// a 12-byte header (body length, kind, flags, request number; little-endian) and
// a CBOR body, 64 KiB at most together. The device sends [Hello], the donor
// answers [Welcome], and from there on either side sends requests:
//
//	QueryMem      → FreeMem    what the donor has                (device asks)
//	Map           → MRInfo     lend one slab, or claim a held one
//	Unmap         → Done       take it back
//	QueryHeld     → Held       more of Welcome's list
//	CheckActivity → Activity   how busy some slabs are           (donor asks)
//	Ping          → Pong       either
//
// Any request can be answered by a [Failure], whose code stands for one of this
// package's sentinel errors: errors.Is sees the same error on both machines. A
// Failure with request number 0 says why the sender ends the session.
//
// # Decoding
//
// Fields that are unknown are skipped, so that a newer peer can add some.
// Everything else is strict: lengths and nesting are bounded, indefinite lengths,
// tags, duplicate keys and trailing bytes are refused, and each message checks
// its own fields. A peer that breaks the rules loses its session, nobody else's.
//
// # Waiting
//
// Every wait has a deadline: the handshake ([Timing].Handshake), a call
// ([Timing].Call or the context's, whichever is first), a silent peer
// ([Timing].Ping × [Timing].Missed).
package control
