package mover

import (
	"github.com/farswap/farswap/slabmap"
)

// check compares what was read with its checksums.
func (j *copyJob) check(c *copier, i int) {
	slot := &j.slots[i]
	for n := range slot.pages {
		if slot.good[n] = j.matches(c, i, n); !slot.good[n] {
			j.bad(c, i, n, slabmap.Remote)
		}
	}
}

// matches reports whether page n of a run is in the buffer as it should be.
func (j *copyJob) matches(c *copier, i, n int) bool {
	return slabmap.Checksum(c.bytes(j.first+i, n, n+1)) == j.slots[i].views[n].CRC
}

// bad notes that a copy of a page is bad.
func (j *copyJob) bad(c *copier, i, n int, from slabmap.Place) {
	c.corrupt.Add(1)
	c.cfg.Notes.Corrupt(j.slots[i].first+int64(n), from, j.old.Donor)
}
