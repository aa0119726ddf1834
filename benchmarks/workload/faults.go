package workload

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/pseudo"
)

// faults pushes its memory out and reads single pages at random, one at a time. It measures
// the latency of a page fault with nothing beside it. It does not count pages that are in
// memory because read-ahead or an earlier access brought them in. Without swap all pages are
// in memory, and its latencies are those of memory.
var faults = program{
	name:  "faults",
	about: "one thread reads single pages that are out, at random: the latency of a page fault",
	fill:  fillFaults,
}

const (
	// maxFaults and maxWork bound the accesses, whichever comes first.
	maxFaults = 50_000
	pageWords = pageSize / 8
)

type faultsTask struct {
	words   []uint64
	seed    uint64
	threads int
	pages   int
	out, in outcome // accesses to pages that were out, and to others
}

func fillFaults(c ProgramConfig) (task, error) {
	pages := int(c.Bytes / pageSize)
	words, err := array[uint64](pages * pageWords)
	if err != nil {
		return nil, err
	}
	t := &faultsTask{words: words, seed: c.Seed, threads: c.Threads, pages: pages, out: newOutcome(), in: newOutcome()}
	err = split(c.Threads, len(words), func(_, low, high int) error {
		for i := low; i < high; i++ {
			words[i] = t.at(i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The first call starts the writes of dirty pages, and the second drops these pages.
	for range 2 {
		if err := unix.Madvise(memory(words), unix.MADV_PAGEOUT); err != nil {
			return nil, fmt.Errorf("push memory out to swap: %w: it needs Linux 5.4", err)
		}
	}
	return t, nil
}

func (t *faultsTask) at(i int) uint64 { return pseudo.Mix(t.seed + uint64(i)*pseudo.Golden) }

// work reads as many pages as there are, or until it has read enough.
func (t *faultsTask) work() (float64, error) {
	n := min(t.pages, maxFaults)
	begin, done := time.Now(), 0
	err := guarded(func() error {
		for ; done < n && time.Since(begin) < maxWork; done++ {
			page, _ := bits.Mul64(pseudo.Mix(^t.seed+uint64(done)), uint64(t.pages))
			if err := t.access(int(page)); err != nil {
				return err
			}
		}
		return nil
	})
	return float64(done), err
}

// access reads a page. The clock runs while it reads the first word.
func (t *faultsTask) access(page int) error {
	words := t.words[page*pageWords : (page+1)*pageWords]
	isIn, err := resident(words)
	if err != nil {
		return err
	}
	begin := time.Now()
	atomic.LoadUint64(&words[0])
	took := time.Since(begin)
	if isIn {
		t.in.done++
		t.in.record(took)
	} else {
		t.out.done++
		t.out.record(took)
	}
	return t.verify(page*pageWords, (page+1)*pageWords)
}

// verify compares words with what they were filled with.
func (t *faultsTask) verify(low, high int) error {
	for i := low; i < high; i++ {
		if t.words[i] != t.at(i) {
			return fmt.Errorf("page %d is damaged at byte %d: %w", i/pageWords, i%pageWords*8, ErrWrong)
		}
	}
	return nil
}

// check verifies every page.
func (t *faultsTask) check() error {
	return split(t.threads, len(t.words), func(_, low, high int) error { return t.verify(low, high) })
}

func (t *faultsTask) figures(amount, seconds float64) []Metric {
	of := &t.out
	if t.out.done == 0 {
		of = &t.in
	}
	return []Metric{
		rateOf(amount/seconds, "pages/s"), of.quantile("p50", 50), of.quantile("p99", 99),
		{Name: "faults", Unit: "pages", Value: float64(t.out.done)},
	}
}
