// Package netlimit bounds the connections that a TCP server has with strangers, so that nobody who proves
// nothing can keep others out or make the server grow.
//
// # Dangers
//
//   - A connection that is not proven may end at any moment: the door closes it to make room for another.
//     Its reads and writes then fail with [ErrEvicted].
//   - The door sets no deadline. A server gives each handshake its own, and closes what is late.
//   - Whoever calls [Conn.Prove] too early gives strangers places that nobody takes back.
//
// # How it works
//
// A server has one [Door]. It lets every connection in at once, before the server spends memory or a TLS
// state on it, and counts it among the unproven ones. When the connection has shown who it is, the server
// calls [Conn.Prove]. From then on the door closes it no more.
//
// Two bounds hold for unproven connections: one for each origin, and one for all. An origin is an IPv4
// address, or the /64 of an IPv6 address, since one host has a whole /64. When an origin is full, its
// oldest unproven connection makes room. When all places are taken, the origin that has most gives up its
// oldest one. So a stranger at one address displaces only itself, and many strangers displace each other
// before a peer that has a single connection.
//
// An evicted connection is reset. It leaves no state behind in the kernel.
//
// # How fast strangers may come
//
// A [Listener] also bounds how many connections begin in a second ([Limits].PerSecond). It has three steps,
// each cheaper than the next:
//
//  1. The kernel drops the first packet (SYN) of origins that have opened more than 500 connections a
//     second too many, for half a second at a time. A filter on the listening socket does that.
//  2. What comes waits in a lobby: a descriptor, from which nothing is read. It has four times
//     the places of the door. Who has to make room is reset with one system call. While anybody waits, the listener looks
//     at the kernel's queue every 5 ms, not for each connection.
//  3. Origins take turns to be let in, and of one origin the newest goes first. So a peer at an address of
//     its own waits for one turn of each stranger's address, and not behind all strangers.
//
// Origins of which a connection was proven in the last hour go before all others, and have a pace of their
// own. A peer that shares its address with strangers who flood gets in by luck only, after several attempts.
package netlimit
