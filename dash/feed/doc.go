// Package feed watches the devices and donors of this machine and keeps what they said:
// the newest status of each, and for an hour what happened in every interval. Terminal
// and web page draw from it.
//
// Dangers first:
//
//   - A status of a big device is big (about 150 bytes for each slab), and making it
//     costs its server time. A [Feed] asks no more often than every 4 times what the
//     slowest answer took, whatever the interval.
//   - What a Feed hands out is shared with everybody who asked: never write to it.
//   - Quantiles of a [Column] of several points are read off rows that are a quarter of a
//     power of two high; those of one point are as exact as the server's histogram.
//
// Servers say what has happened since their start. A [Point] is the difference of two
// answers: rates, and one [Span] for each source of latency. After a restart everything
// that the new server counted is new. A server that does not answer gets points that say
// so, and the next answer's point is over all of the time of silence ([Point.Over]).
//
// Memory is bounded: [MaxPoints] points and [MaxEvents] events and decisions of each
// server; above [MaxServers] those that ended are forgotten, the first to end first. A point of a
// device takes about 3 KiB (10 sources with some 25 rows in use, 3 donors), thus an hour
// 11 MiB; it cannot take more than 24 KiB. The newest status comes on top.
package feed
