package benchmarks

import (
	"fmt"

	"github.com/farswap/farswap/internal/pseudo"
)

// PageSize is the unit of the paging workload in bytes, the kernel's page.
const PageSize = 4096

const pageWords = PageSize / 8

// A page holds its number, its version, and a stream of pseudo-random words
// that follows from both and the seed. Number and version are readable, so that a
// wrong page shows where it came from. The rest does not compress.

func stream(seed, page, version uint64) uint64 {
	return pseudo.Mix(pseudo.Mix(pseudo.Mix(seed)+page) + version)
}

// fill writes the content of page at version to w, which has pageWords words.
func fill(w []uint64, seed, page, version uint64) {
	w[0], w[1] = page, version
	x := stream(seed, page, version)
	for i := range w[2:pageWords] {
		x += pseudo.Golden
		w[2+i] = pseudo.Mix(x)
	}
}

// verify returns the index of the first word of w that is not the content of
// page at version, or -1.
func verify(w []uint64, seed, page, version uint64) int {
	if w[0] != page {
		return 0
	}
	if w[1] != version {
		return 1
	}
	x := stream(seed, page, version)
	for i, got := range w[2:pageWords] {
		x += pseudo.Golden
		if got != pseudo.Mix(x) {
			return 2 + i
		}
	}
	return -1
}

// describe says what a page holds whose verification failed at word bad.
func describe(w []uint64, bad int, page, version uint64) string {
	if bad > 1 {
		return fmt.Sprintf("page %d version %d is damaged at byte %d", page, version, bad*8)
	}
	return fmt.Sprintf("page %d version %d reads as page %d version %d", page, version, w[0], w[1])
}
