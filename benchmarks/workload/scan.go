package workload

import (
	"fmt"

	"github.com/farswap/farswap/internal/pseudo"
)

// scan reads an array from its beginning to its end, several times: the worst case of LRU,
// and the best one of read-ahead.
var scan = program{
	name:  "scan",
	about: "one thread reads an array in order, 4 times, with checksums",
	fill:  fillScan,
}

const (
	pageSize   = 4096
	scanPasses = 4
)

type scanTask struct {
	words []uint64
	sums  []uint64 // of each block
}

func fillScan(c ProgramConfig) (task, error) {
	words, err := array[uint64](int(c.Bytes / 8))
	if err != nil {
		return nil, err
	}
	t := &scanTask{words: words, sums: make([]uint64, blocks(len(words)))}
	return t, split(c.Threads, len(words), func(b, low, high int) error {
		var sum uint64
		for i := low; i < high; i++ {
			words[i] = pseudo.Mix(c.Seed + uint64(i)*pseudo.Golden)
			sum = digest(sum, words[i])
		}
		t.sums[b] = sum
		return nil
	})
}

// digest adds a word to a checksum that shows every change of a single word, and most other
// changes. The multiplier is that of FNV-1a.
func digest(sum, word uint64) uint64 { return (sum ^ word) * 0x100000001b3 }

// work reads, and compares the checksum of each block with that of the fill.
func (t *scanTask) work() (float64, error) {
	for pass := range scanPasses {
		err := split(1, len(t.words), func(b, low, high int) error {
			var sum uint64
			for _, word := range t.words[low:high] {
				sum = digest(sum, word)
			}
			if sum != t.sums[b] {
				return fmt.Errorf("words %d to %d have another checksum in pass %d: %w", low, high-1, pass+1, ErrWrong)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(len(t.words)) * 8 * scanPasses, nil
}

// check does nothing, because work has compared everything.
func (t *scanTask) check() error { return nil }

func (t *scanTask) figures(amount, seconds float64) []Metric {
	return []Metric{timeOf(seconds), bandwidthOf(amount / seconds)}
}
