package workload

import (
	"encoding/binary"
	"fmt"

	"github.com/farswap/farswap/internal/pseudo"
)

// keySize is the length of every key in bytes: a number, padded.
const keySize = 16

// headerSize is the size of the beginning of every value: the number of its key, and its version.
const headerSize = 16

// appendKey appends the text of a key: "key-" and twelve digits.
func appendKey(b []byte, key int64) []byte {
	b = append(b, "key-000000000000"...)
	for i := len(b) - 1; key > 0; i-- {
		b[i] = byte('0' + key%10)
		key /= 10
	}
	return b
}

// values makes the values of a store. The size of a value follows from its key. Its content
// follows from key and version, and does not compress.
type values struct {
	low, high int // sizes in bytes, inclusive; low is at least headerSize
}

// size returns the size of a key's values in bytes. All sizes are equally frequent.
func (v values) size(key int64) int {
	return v.low + int(pseudo.Mix(uint64(key))%uint64(v.high-v.low+1))
}

// appendValue appends the value of key at version.
func (v values) appendValue(b []byte, key int64, version uint32) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(key))
	b = binary.LittleEndian.AppendUint64(b, uint64(version))
	left := v.size(key) - headerSize
	x := contentOf(key, version)
	for ; left >= 8; left -= 8 {
		x += pseudo.Golden
		b = binary.LittleEndian.AppendUint64(b, pseudo.Mix(x))
	}
	for rest := pseudo.Mix(x + pseudo.Golden); left > 0; left-- {
		b = append(b, byte(rest))
		rest >>= 8
	}
	return b
}

func contentOf(key int64, version uint32) uint64 {
	return pseudo.Mix(pseudo.Mix(uint64(key)) + uint64(version))
}

// check returns an error wrapping ErrWrong if got is not the value of key at version.
func (v values) check(got []byte, key int64, version uint32) error {
	if len(got) != v.size(key) {
		return fmt.Errorf("key %d has a value of %d bytes and should have one of %d: %w", key, len(got), v.size(key), ErrWrong)
	}
	gotKey, gotVersion := binary.LittleEndian.Uint64(got), binary.LittleEndian.Uint64(got[8:])
	if gotKey != uint64(key) || gotVersion != uint64(version) {
		return fmt.Errorf("key %d version %d reads as key %d version %d: %w", key, version, gotKey, gotVersion, ErrWrong)
	}
	rest := got[headerSize:]
	x := contentOf(key, version)
	for ; len(rest) >= 8; rest = rest[8:] {
		x += pseudo.Golden
		if binary.LittleEndian.Uint64(rest) != pseudo.Mix(x) {
			return v.damaged(got, rest, key, version)
		}
	}
	for last := pseudo.Mix(x + pseudo.Golden); len(rest) > 0; rest = rest[1:] {
		if rest[0] != byte(last) {
			return v.damaged(got, rest, key, version)
		}
		last >>= 8
	}
	return nil
}

func (v values) damaged(got, rest []byte, key int64, version uint32) error {
	return fmt.Errorf("key %d version %d is damaged at byte %d or just after it: %w", key, version, len(got)-len(rest), ErrWrong)
}
