package swapdev

import (
	"sync/atomic"

	"farswap/verbs"
)

// keyring has the key of each mapped slab's memory. A key is set before its
// slab becomes mapped, and stays while an operation is counted in there.
type keyring []atomic.Uint64

func newKeyring(slabs int) *keyring {
	k := make(keyring, slabs)
	return &k
}

func (k *keyring) get(slab int) verbs.Key      { return verbs.Key((*k)[slab].Load()) }
func (k *keyring) set(slab int, key verbs.Key) { (*k)[slab].Store(uint64(key)) }
