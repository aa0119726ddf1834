// Package dashtest makes up a device and its donors, for the tests of those who draw
// them and for pictures: a [World] whose time is told to it, and sockets that show it.
//
// A world is three donors, mem1 to mem3, and the device /dev/ublkb7 of 16 GiB in 256
// slabs. Its load rises and falls every five minutes. In every three minutes of its time
//
//	from second  60 to 110  mem2 is slow: its reads take ten times as long, tails appear
//	                        in everything above, and placement moves slabs away from it
//	from second 120 to 135  mem3 wants slabs back: they move, and some are dropped
//	at second   150         mem1 is lost for five seconds, its slabs fail over
//
// The same seed and the same steps give the same world. Counters and histograms agree
// with each other: what the reads count, the histogram of reads has. So tests can ask
// whether a picture shows the figures, and not only whether it is there.
package dashtest
