// Package web is the dashboard as a web page: `farswap dash`. One binary serves the page
// with all its files. The page loads nothing from anybody else, and a
// Content-Security-Policy makes browsers enforce that.
//
// Dangers first:
//
//   - The page shows what otherwise only root may read: names of control groups, which
//     machines lend memory, how much is swapped. At a loopback address without a token,
//     every user and program of this machine can read it. Use a token where that matters.
//   - The page never changes anything: no request to it stops, drains or resizes a device
//     or donor. Keep it so; the local socket is for that.
//   - A token lets in everybody who has it. The page asks for it over TLS only, or at a
//     loopback address. A browser that has signed in stays signed in for 12 hours.
//   - Every certificate of the authority may read, those of donors too. If donors must not
//     read a dashboard, it needs an authority of its own.
//   - More readers cost the server of a device nothing: all pages and peers share one
//     question in each interval (package feed).
//
// # Who may read
//
// At a loopback address everybody may read, or, if there is a token, everybody who has the
// token. Requests that name another host than localhost or a loopback address are refused:
// otherwise a page elsewhere could make its own name resolve to 127.0.0.1 and read this
// page (DNS rebinding).
//
// At any other address a reader needs a certificate of the same authority. If there is a
// token, the token does as well, in the header `Authorization: Bearer TOKEN` or as a cookie
// that the sign-in page gives for it. Such an address without identity is [ErrConfig].
//
// Tokens are compared in constant time. A wrong one, in the form or in a header, costs half a
// second, and the log says from where it came. Each address has four such waits at once. The cookie is
// HttpOnly and SameSite=Strict; over TLS it is also Secure and bound to the host.
//
// # What is sent
//
// There are two streams of server-sent events. /api/cluster has a few figures of every
// device and donor, /api/watch has all of one. Both send what has changed since the last
// event. A slow reader has no queue of events: when it has read one, it gets the difference
// to now. A reader that takes longer than 10 s for an event is dropped. There are places
// for 64 readers of the cluster and 32 readers of a device, for 128 requests of readers, and
// for 128 connections without one, of which a newer takes the place of the oldest. Each
// stream ends after an hour, and the page then begins a new one. A page that nobody looks
// at stops reading.
//
// Peers are other dashboards. This dashboard takes from their /api/cluster what they know of
// their own machine, and nothing that they know from their peers, so dashboards may name
// each other. It passes on their /api/watch when a page looks at one of their devices. For
// a peer that does not answer, the page says so and shows the last figures.
//
// /metrics has the same as `farswap metrics`: this machine's devices and donors for
// Prometheus. Everybody who may read the page may read it.
//
// # Memory
//
// The feed has the history, which is bounded. In addition, a reader of a device costs 24
// bytes for each slab that it was sent (240 kB for 10,000), and the newest sections as text
// (some 20 kB). A reader of the cluster costs some 500 bytes for each device and donor, and
// a peer costs the same for at most 256 of them. An event takes 2 MB at most for 10,000
// slabs while it is written. Tests check all these figures.
package web
