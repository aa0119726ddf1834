// Package feed asks the devices and donors of this machine for their status and keeps it:
// the newest status of each, and the history of an hour with a point for each interval.
// `farswap top` and the web page draw from it.
//
// Dangers first:
//
//   - The status of a big device is big (about 150 bytes for each slab), and the server
//     needs time to make it. After an answer a [Feed] waits at least 4 times as long as the
//     slowest answer took, whatever the interval is.
//   - All callers share what a Feed returns: never write to it.
//   - The quantiles of a [Column] of several points come from rows that are a quarter of a
//     power of two high. Those of one point are as exact as the server's histogram.
//
// Servers count since their start. A [Point] is the difference of two answers: rates, and
// one [Span] for each source of latency. After a restart, all that the new server has
// counted is new. While a server does not answer, its points say so. The point of the next
// answer then covers the whole time of silence ([Point.Over]).
//
// Memory is bounded: [MaxPoints] points, and [MaxEvents] events and decisions, of each
// server. If there are more than [MaxServers] servers, the feed forgets those that ended,
// the first to end first. A point of a device takes about 3 KiB (10 sources with some 25
// rows in use, 3 donors), so an hour takes 11 MiB; it cannot take more than 24 KiB. The
// newest status takes memory in addition.
package feed
