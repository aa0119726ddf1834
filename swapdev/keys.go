package swapdev

import (
	"sync/atomic"

	"github.com/farswap/farswap/verbs"
)

// keyring has the key of each mapped slab's memory, and while a slab moves those at
// both donors: by the last bit of the epoch under which operations there are counted
// in. A key is set before any can be, and stays while one is.
type keyring [][2]atomic.Uint64

func newKeyring(slabs int) *keyring {
	k := make(keyring, slabs)
	return &k
}

func (k *keyring) get(slab int, epoch uint64) verbs.Key {
	return verbs.Key((*k)[slab][epoch&1].Load())
}

func (k *keyring) set(slab int, epoch uint64, key verbs.Key) {
	(*k)[slab][epoch&1].Store(uint64(key))
}

// keyAt is the key under which a donor lends the memory of a slab, also while the
// slab moves away from it, or when it is kept for test reads; 0 if nothing of the slab is there.
func (e *engine) keyAt(slab int, donor uint16) verbs.Key {
	s := e.pages.Slab(slab)
	old, moves := e.pages.OldDonor(slab)
	switch {
	case moves && old == donor:
		return e.keys.get(slab, s.Epoch-1)
	case holds(s) && s.Donor == donor:
		return e.keys.get(slab, s.Epoch)
	}
	return e.tests.key(donor, slab)
}
