package workload

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/internal/pseudo"
)

// gups is HPCC's RandomAccess: it reads, changes and writes single words at random, which no
// cache and no read-ahead helps. It differs in two ways. It adds where RandomAccess
// exclusive-ors, because an addition is atomic in hardware, so no update is lost. It ends
// after maxWork, because each update can be a page fault.
var gups = program{
	name:  "gups",
	about: "random updates of single words (HPCC RandomAccess), undone and verified",
	fill:  fillGUPS,
}

const (
	// updatesPerPage is the number of updates for each page of the table, if there is time.
	updatesPerPage = 64
	// updatesPerLook is after how many updates a thread looks at the clock.
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

// at returns the first content of word i. It is not the number i, which would compress.
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

// update adds sign times the words of a thread's stream, from its first-th word on. The words
// also decide to which places they are added.
func (t *gupsTask) update(thread, first, n int, sign uint64) {
	x := pseudo.Mix(^t.seed+uint64(thread)) + uint64(first)*pseudo.Golden
	for range n {
		x += pseudo.Golden
		value := pseudo.Mix(x)
		at, _ := bits.Mul64(value, uint64(len(t.table)))
		atomic.AddUint64(&t.table[at], sign*value)
	}
}

// check undoes all updates. After that every word has to be as at first.
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
