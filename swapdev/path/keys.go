package path

import (
	"sync/atomic"

	"github.com/farswap/farswap/verbs"
)

// Keyring has the key of each mapped slab's memory. While a slab moves it has two keys,
// one for each donor: the last bit of the epoch of an operation chooses. A key is set
// before any operation can be counted in under its epoch, and stays while one is, unless the
// donor has another one for the same memory: see Replace. Its methods may be called from any
// goroutine.
type Keyring [][2]atomic.Uint64

// NewKeyring makes a keyring for a number of slabs. All keys are 0.
func NewKeyring(slabs int) *Keyring {
	k := make(Keyring, slabs)
	return &k
}

// Get returns the key under which operations of an epoch reach a slab.
func (k *Keyring) Get(slab int, epoch uint64) verbs.Key {
	return verbs.Key((*k)[slab][epoch&1].Load())
}

// Set gives operations of an epoch their key.
func (k *Keyring) Set(slab int, epoch uint64, key verbs.Key) {
	(*k)[slab][epoch&1].Store(uint64(key))
}

// Replace gives operations of an epoch another key for the same memory, if they have the old one, and reports
// whether they had. The donor refuses an operation that is under way with the old one.
func (k *Keyring) Replace(slab int, epoch uint64, old, key verbs.Key) bool {
	return (*k)[slab][epoch&1].CompareAndSwap(uint64(old), uint64(key))
}
