package workload

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/internal/pseudo"
)

// gups is HPCC's RandomAccess: read-modify-write of one word at random, which no cache and
// no read-ahead helps. It differs in adding where RandomAccess exclusive-ors, because that
// is atomic in hardware and no update is lost; and in ending after maxWork, as its updates
// can be a page fault each.
var gups = program{
	name:  "gups",
	about: "random updates of single words (HPCC RandomAccess), undone and verified",
	fill:  fillGUPS,
}

const (
	// updatesPerPage times the pages of the table is the number of updates, if there is time.
	updatesPerPage = 64
	// updatesPerLook is the updates of a thread after which it looks at the clock.
	updatesPerLook = 16
)

type gupsTask struct {
	table   []uint64
	seed    uint64
	threads int
	most    int   // updates of each thread
	updates []int // of each thread, so far
}

func fillGUPS(c ProgramConfig) (task, error) {
	table, err := array[uint64](int(c.Bytes / 8))
	if err != nil {
		return nil, err
	}
	t := &gupsTask{table: table, seed: c.Seed, threads: c.Threads, updates: make([]int, c.Threads)}
	t.most = int(c.Bytes/pageSize*updatesPerPage)/c.Threads + 1
	return t, split(c.Threads, len(table), func(_, low, high int) error {
		for i := low; i < high; i++ {
			table[i] = t.at(i)
		}
		return nil
	})
}

// at is what word i is filled with: not its number, which would compress.
func (t *gupsTask) at(i int) uint64 { return pseudo.Mix(t.seed + uint64(i)*pseudo.Golden) }

// work updates at random.
func (t *gupsTask) work() (float64, error) {
	begin := time.Now()
	err := together(t.threads, func(thread int) error {
		for t.updates[thread] < t.most && time.Since(begin) < maxWork {
			n := min(updatesPerLook, t.most-t.updates[thread])
			t.update(thread, t.updates[thread], n, 1)
			t.updates[thread] += n
		}
		return nil
	})
	var sum int
	for _, n := range t.updates {
		sum += n
	}
	return float64(sum), err
}

// update adds sign times the words of a thread, from its first-th on, to the places that
// follow from them.
func (t *gupsTask) update(thread, first, n int, sign uint64) {
	x := pseudo.Mix(^t.seed+uint64(thread)) + uint64(first)*pseudo.Golden
	for range n {
		x += pseudo.Golden
		value := pseudo.Mix(x)
		at, _ := bits.Mul64(value, uint64(len(t.table)))
		atomic.AddUint64(&t.table[at], sign*value)
	}
}

// check undoes all updates, after which every word has to be what it was.
func (t *gupsTask) check() error {
	err := together(t.threads, func(thread int) error {
		t.update(thread, 0, t.updates[thread], ^uint64(0))
		return nil
	})
	if err != nil {
		return err
	}
	return split(t.threads, len(t.table), func(_, low, high int) error {
		for i := low; i < high; i++ {
			if t.table[i] != t.at(i) {
				return fmt.Errorf("word %d of the table is %#x and should be %#x: %w", i, t.table[i], t.at(i), ErrWrong)
			}
		}
		return nil
	})
}

func (t *gupsTask) figures(amount, seconds float64) []Metric {
	return []Metric{rateOf(amount/seconds, "updates/s")}
}
