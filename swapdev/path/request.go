package path

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
)

// request is what a tag is about.
type request struct {
	op     ublk.Op
	parked bool
	errno  unix.Errno // answered when all parts have ended, unless 0
	page   int64      // the first
	pages  int
	begun  int64 // loop time
	since  int64 // loop time from which its patience counts: when it last could go on
	cursor int   // write: pages claimed; discard: pages forgotten
	left   int   // parts in flight, but for readTwice

	times    times
	parkedAt int64  // loop time, while parked
	excused  bool   // parked for what ends by itself, however long it takes: see queue.waitsFor
	onItsWay bool   // parked for a page that is on its way from a donor or to one
	donor    uint16 // that donor

	// Reads.
	second int32 // one more than the part that reads it a second time, 0: none is in flight
	spare  int32 // one more than the spare buffer of that part, which the request owns; 0: none

	// Writes.
	remoteLeft  int // parts on their way to donors
	backing     backingCopy
	backingPart int32   // while backingBusy
	again       bool    // no copy of it came to be, and it is tried once more
	held        [2]hold // slabs counted in, but by parts
	holds       int

	// Flushes.
	target [MaxQueues]uint64
}

// hold is a slab that a write is counted in at.
type hold struct {
	slab int
	at   slabmap.Slab
}

// backingCopy is how far a write's part for the backing file is.
type backingCopy uint8

const (
	backingNone backingCopy = iota
	backingBusy
	backingDone
	backingFailed
)

// pageState is what a request knows of one of its pages.
type pageState struct {
	done   bool          // read: its bytes are here
	spare  bool          // read: in the request's spare buffer
	remote bool          // write: the donor has it
	part   int32         // one more than the part that reads it, or writes it to a donor; 0: none
	avoid  slabmap.Place // read: copies found bad
	again  bool          // read: all were bad, and are tried once more
	crc    uint32        // write: of its bytes as they are stored
	seal   slabmap.Seal  // write: what opens them
	epoch  uint64        // write: of its slab when it was sent
	view   slabmap.View  // read: where it was when the part was made
}

// holdsSlab returns slab as it was when the write was counted in there. It is false if
// the write is not.
func (r *request) holdsSlab(slab int) (slabmap.Slab, bool) {
	for _, h := range r.held[:r.holds] {
		if h.slab == slab {
			return h.at, true
		}
	}
	return slabmap.Slab{}, false
}
