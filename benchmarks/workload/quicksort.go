package workload

import (
	"fmt"
	"slices"

	"github.com/farswap/farswap/internal/pseudo"
)

// quicksort sorts words in place with one thread, by the standard library's
// pattern-defeating quicksort.
var quicksort = program{
	name:  "quicksort",
	about: "one thread sorts random words in place",
	fill:  fillQuicksort,
}

type quicksortTask struct {
	words   []uint64
	sum     [2]uint64 // of the words, in any order
	threads int
}

func fillQuicksort(c ProgramConfig) (task, error) {
	words, err := array[uint64](int(c.Bytes / 8))
	if err != nil {
		return nil, err
	}
	t := &quicksortTask{words: words, threads: c.Threads}
	err = split(c.Threads, len(words), func(_, low, high int) error {
		for i := low; i < high; i++ {
			words[i] = pseudo.Mix(c.Seed + uint64(i)*pseudo.Golden)
		}
		return nil
	})
	if err == nil {
		t.sum, err = t.anyOrder()
	}
	return t, err
}

// anyOrder is a checksum of the words that does not depend on their order.
func (t *quicksortTask) anyOrder() ([2]uint64, error) {
	sums := make([][2]uint64, blocks(len(t.words)))
	err := split(t.threads, len(t.words), func(b, low, high int) error {
		for _, word := range t.words[low:high] {
			sums[b][0] += word
			sums[b][1] += pseudo.Mix(word)
		}
		return nil
	})
	var sum [2]uint64
	for _, s := range sums {
		sum[0] += s[0]
		sum[1] += s[1]
	}
	return sum, err
}

func (t *quicksortTask) work() (float64, error) {
	return float64(len(t.words)), guarded(func() error {
		slices.Sort(t.words)
		return nil
	})
}

// check checks order and checksum.
func (t *quicksortTask) check() error {
	err := split(t.threads, len(t.words), func(_, low, high int) error {
		for i := max(low, 1); i < high; i++ {
			if t.words[i-1] > t.words[i] {
				return fmt.Errorf("words %d and %d are not in order: %w", i-1, i, ErrWrong)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	sum, err := t.anyOrder()
	if err == nil && sum != t.sum {
		err = fmt.Errorf("the sorted words are not those that were there: %w", ErrWrong)
	}
	return err
}

func (t *quicksortTask) figures(amount, seconds float64) []Metric {
	return []Metric{timeOf(seconds), rateOf(amount/seconds, "keys/s")}
}
