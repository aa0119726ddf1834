package benchmarks

import (
	"encoding/binary"

	"github.com/farswap/farswap/internal/pseudo"
)

// fillBytes writes pseudo-random bytes that follow from the salt. A shorter slice gets
// the beginning of the same bytes.
func fillBytes(b []byte, salt uint64) {
	x := stream(salt, 0, 0)
	for ; len(b) >= 8; b = b[8:] {
		x += pseudo.Golden
		binary.LittleEndian.PutUint64(b, pseudo.Mix(x))
	}
	rest := pseudo.Mix(x + pseudo.Golden)
	for i := range b {
		b[i] = byte(rest >> (8 * i))
	}
}

// verifyBytes returns the index of the first byte that fillBytes did not write
// there, or -1.
func verifyBytes(b []byte, salt uint64) int {
	x := stream(salt, 0, 0)
	var word [8]byte
	for at := 0; at < len(b); at += 8 {
		x += pseudo.Golden
		binary.LittleEndian.PutUint64(word[:], pseudo.Mix(x))
		for i := range min(8, len(b)-at) {
			if b[at+i] != word[i] {
				return at + i
			}
		}
	}
	return -1
}
