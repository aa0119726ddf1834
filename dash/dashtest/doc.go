// Package dashtest makes up a device and its donors, for pictures and for the tests of
// programs that draw them. A [World] gets its time from its caller; [Servers] show it on
// sockets as real servers do.
//
// A world is three donors, mem1 to mem3, and the device /dev/ublkb7 of 16 GiB in 256
// slabs. Its load rises and falls every five minutes. In every three minutes of its time
//
//	from second  60 to 110  mem2 is slow: its reads take ten times as long, tails appear
//	                        in everything above, and placement moves slabs away from it
//	from second 120 to 135  mem3 wants slabs back: they move, and some are dropped
//	at second   150         mem1 is lost for five seconds, its slabs fail over
//
// The same seed and the same steps give the same world. Counters and histograms agree:
// the histogram of reads has as many durations as the counter of reads says. So tests can
// check whether a picture shows the right figures, not only whether there is a picture.
package dashtest
