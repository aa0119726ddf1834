package placement

import (
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/verbs"
)

// Holds reports whether a slab's donor has copies that count.
func Holds(s slabmap.Slab) bool {
	return s.State == slabmap.Mapped || s.State == slabmap.Migrating || s.State == slabmap.Draining
}

// Count counts the slabs on each of a number of donors.
func Count(pages *slabmap.Map, donors int) []int {
	n := make([]int, donors)
	for slab := range pages.Geometry().Slabs() {
		if s := pages.Slab(slab); Holds(s) && int(s.Donor) < len(n) {
			n[s.Donor]++
		}
	}
	return n
}

// Serves reports whether a donor has copies of a slab that count, or may get some. What a
// donor holds beside those is for test reads.
func Serves(pages *slabmap.Map, slab int, donor uint16) bool {
	s := pages.Slab(slab)
	old, moving := pages.OldDonor(slab)
	return s.State == slabmap.Mapping || Holds(s) && s.Donor == donor || moving && old == donor
}

// Key is the key under which a donor lends the memory of a slab, also while the slab moves
// away from it. It is 0 if nothing of the slab is there.
func Key(pages *slabmap.Map, keys *path.Keyring, slab int, donor uint16) verbs.Key {
	for {
		s := pages.Slab(slab)
		old, moves := pages.OldDonor(slab)
		if pages.Slab(slab) != s {
			continue // a move has just begun or ended
		}
		switch {
		case moves && old == donor:
			return keys.Get(slab, s.Epoch-1)
		case Holds(s) && s.Donor == donor:
			return keys.Get(slab, s.Epoch)
		}
		return 0
	}
}

// held are the slabs that are mapped, and not moving.
func held(pages *slabmap.Map) []slabmap.Held {
	var all []slabmap.Held
	for i := range pages.Geometry().Slabs() {
		if s := pages.Slab(i); s.State == slabmap.Mapped {
			all = append(all, slabmap.Held{Slab: i, Donor: s.Donor, Activity: pages.Activity(i)})
		}
	}
	return all
}
