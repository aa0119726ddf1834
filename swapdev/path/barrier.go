package path

import "sync/atomic"

// MaxDonors is the largest number of donors of a device.
const MaxDonors = 256

// Barrier says to which donors nothing may be written. A connection that has failed may
// leave WRITEs whose outcome nobody knows: the donor may carry them out later. Whoever
// owned the connection raises the barrier before it lets go of the pages, and lowers it
// when a later connection of the same place is there, which fences the old one, or when
// the donor's slabs have failed. Reads go on. Its methods may be called from any
// goroutine, and neither wait nor allocate.
type Barrier [MaxDonors]atomic.Int32

// Raise forbids writes to a donor. Each call needs one of Lower.
func (b *Barrier) Raise(donor uint16) { b[donor].Add(1) }

// Lower takes one Raise back.
func (b *Barrier) Lower(donor uint16) { b[donor].Add(-1) }

// Up reports whether writes to a donor are forbidden.
func (b *Barrier) Up(donor uint16) bool { return b[donor].Load() > 0 }
