package workload

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"farswap/internal/pseudo"
)

// gups is HPCC's RandomAccess: read-modify-write of one word at random, which no cache and
// no read-ahead helps. It differs in adding where RandomAccess exclusive-ors, because that
// is atomic in hardware and no update is lost; and in making few updates, as many of them
// are a page fault each.
var gups = program{
	name:  "gups",
	about: "random updates of single words (HPCC RandomAccess), undone and verified",
	fill:  fillGUPS,
}

// updatesPerPage times the pages of the table is the number of updates.
const updatesPerPage = 4

type gupsTask struct {
	table   []uint64
	seed    uint64
	threads int
	updates int // of each thread
}

func fillGUPS(c ProgramConfig) (task, error) {
	table, err := array[uint64](int(c.Bytes / 8))
	if err != nil {
		return nil, err
	}
	t := &gupsTask{table: table, seed: c.Seed, threads: c.Threads}
	t.updates = int(c.Bytes/pageSize*updatesPerPage)/c.Threads + 1
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
	return float64(t.updates * t.threads), t.update(1)
}

// update adds sign times the same random words to the same places.
func (t *gupsTask) update(sign uint64) error {
	return together(t.threads, func(thread int) error {
		x := pseudo.Mix(^t.seed + uint64(thread))
		for range t.updates {
			x += pseudo.Golden
			value := pseudo.Mix(x)
			at, _ := bits.Mul64(value, uint64(len(t.table)))
			atomic.AddUint64(&t.table[at], sign*value)
		}
		return nil
	})
}

// check undoes all updates, after which every word has to be what it was.
func (t *gupsTask) check() error {
	if err := t.update(^uint64(0)); err != nil {
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

func (t *gupsTask) rate() Metric { return Metric{Name: "rate", Unit: "updates/s", Value: 1} }
