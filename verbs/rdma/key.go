package rdma

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/farswap/farswap/verbs"
)

// A key holds what the peer's adapter checks: the remote key, and the address at
// which the region begins in the address space that its key opens. Remote keys
// are given out by adapters in ways that can be guessed; the address is random,
// and an access beside the region ends the connection, of which a session may
// make only so many.
const (
	baseShift = 31 // above the largest region
	maxRegion = 1 << baseShift
)

func makeKey(rkey uint32, base uint64) verbs.Key {
	return verbs.Key(base>>baseShift<<32 | uint64(rkey))
}

// openKey is the remote key and the address of a region's first byte.
func openKey(k verbs.Key) (rkey uint32, base uint64) {
	return uint32(k), uint64(k) >> 32 << baseShift
}

// newBase is a random address for a region: a multiple of maxRegion, so that it
// keeps the alignment of large pages.
func newBase() uint64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	// The top bit stays clear: the end of a region never wraps around.
	return uint64(binary.LittleEndian.Uint32(b[:])) << baseShift
}
