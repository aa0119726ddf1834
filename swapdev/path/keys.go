package path

import (
	"sync/atomic"

	"github.com/farswap/farswap/verbs"
)

// Keyring has the key of each mapped slab's memory. While a slab moves it has two keys,
// one for each donor: the last bit of the epoch of an operation chooses. A key is set
// before any operation can be counted in under its epoch, and stays while one is. Its
// methods may be called from any goroutine.
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
