// Package web is the dashboard as a web page: `farswap dash`. One binary serves it, the
// files included; the page asks nobody else for anything, and a Content-Security-Policy
// holds browsers to that.
//
// Dangers first:
//
//   - What the page shows is what root may read: names of control groups, which machines
//     lend memory, how much is swapped. At a loopback address without a token every user
//     and program of this machine can read it. Give a token where that matters.
//   - It shows and never changes anything: there is no request that a device or donor
//     would obey. Keep it so; what stops, drains or resizes has the local socket.
//   - A token lets in whoever has it. It is asked for over TLS only, but for loopback
//     addresses; a browser that signed in is let in for 12 hours.
//   - Every certificate of the authority may read, those of donors too. A dashboard that
//     is not to be read by them needs an authority of its own.
//   - A page that is being looked at costs the server of its device nothing more: all
//     pages and peers share one question in each interval (package feed).
//
// # Who may read
//
// At a loopback address: everybody, or with a token who has it. Requests that name another
// host than localhost or a loopback address are refused, since a page elsewhere could
// otherwise have its own name resolve to 127.0.0.1 and read this one (DNS rebinding). At
// any other address: who shows a certificate of the same authority, and with a token also
// who has it, in the header `Authorization: Bearer TOKEN` or by a cookie that the sign-in
// page gives for it. Tokens are compared in constant time, a wrong one costs half a second,
// and the cookie is HttpOnly and SameSite=Strict, over TLS also Secure and bound to the
// host. Without identity another address is [ErrConfig].
//
// # What is sent
//
// Two streams of server-sent events: /api/cluster has a few figures of every device and
// donor, /api/watch all of one. Both send what has changed since the event before. A
// reader that is slow gets no queue of events but, when it has read one, the difference to
// now; one that takes longer than 10 s for an event is let go. There are places for 64
// readers of the cluster and 32 of a device, connections are bounded to 256, and each ends
// after an hour, when the page comes again. A page that nobody looks at stops reading.
//
// Peers are other dashboards. Their /api/cluster is followed for what they know of their
// own machine, never for what they know from their peers, so dashboards may name each
// other; their /api/watch is passed on when a page looks at one of their devices. One that
// does not answer is shown as such, with the last that it said.
//
// /metrics is what `farswap metrics` serves: this machine's devices and donors for
// Prometheus, to whoever may read the page.
//
// # Memory
//
// The history is the feed's, which is bounded. On top of it a reader of a device costs what
// it was sent of the slabs (24 bytes each, that is 240 kB for 10,000) and the newest
// sections as text (some 20 kB); a reader of the cluster some 500 bytes for each device and
// donor, and a peer as much for at most 256. An event that is being written is 2 MB at
// most for 10,000 slabs; tests hold all of it to these figures.
package web
