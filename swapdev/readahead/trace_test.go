package readahead

import (
	"container/list"
	"math/rand/v2"
)

// A trace is a series of page faults, in the order in which they reach the device.
type trace struct {
	name  string
	reads []access
}

// access is one fault: the page, and the process that waits for it.
type access struct {
	page    int64
	process int
}

const (
	traceReads  = 20_000
	traceDevice = 1 << 20 // pages: 4 GiB
)

// traces are the ones that policies are compared on. Each call makes the same.
func traces() []trace {
	all := []trace{
		{"forward", scan(1000, 1, 0, traceReads)},
		{"backward", scan(900_000, -1, 0, traceReads)},
		{"stride 2", scan(1000, 2, 0, traceReads)},
		{"stride 4", scan(1000, 4, 0, traceReads)},
		{"stride 7", scan(1000, 7, 0, traceReads)},
		{"stride −4", scan(900_000, -4, 0, traceReads)},
	}
	r := rand.New(rand.NewPCG(1, 2))
	all = append(all,
		trace{"2 scans by turns", byTurns(scan(1000, 1, 0, traceReads/2), scan(500_000, 1, 1, traceReads/2))},
		trace{"forward and backward by turns", byTurns(scan(1000, 1, 0, traceReads/2), scan(900_000, -1, 1, traceReads/2))},
		trace{"8 scans, turns at random", atRandom(r, scans(8)...)},
		trace{"scan, as many random reads", byTurns(scan(1000, 1, 0, traceReads/2), uniform(r, 1, traceReads/2))},
		trace{"scan, 4 times as many", atRandom(r, scan(1000, 1, 0, traceReads/5), uniform(r, 1, 4*traceReads/5))},
		trace{"runs of 8 pages at random", runs(r, 8, 8)},
		trace{"runs of 4 to 64", runs(r, 4, 64)},
		trace{"runs of 2", runs(r, 2, 2)},
		trace{"random", uniform(r, 0, traceReads)},
		trace{"Zipf, s 1.1", zipf(r)},
		trace{"PageRank, half in memory", pageRank(r)},
	)
	return all
}

func scan(from, step int64, process, n int) []access {
	all := make([]access, n)
	for i := range all {
		all[i] = access{from + int64(i)*step, process}
	}
	return all
}

func scans(n int) (all [][]access) {
	for i := range n {
		all = append(all, scan(int64(100_000*(i+1)), 1, i, traceReads/n))
	}
	return all
}

func uniform(r *rand.Rand, process, n int) []access {
	all := make([]access, n)
	for i := range all {
		all[i] = access{r.Int64N(traceDevice), process}
	}
	return all
}

// runs are short scans at random places.
func runs(r *rand.Rand, least, most int) (all []access) {
	for len(all) < traceReads {
		length := least + r.IntN(most-least+1)
		all = append(all, scan(r.Int64N(traceDevice-int64(length)), 1, 0, length)...)
	}
	return all
}

// zipf reads popular pages, which lie anywhere, more often.
func zipf(r *rand.Rand) []access {
	place := r.Perm(traceDevice)
	z := rand.NewZipf(r, 1.1, 1, traceDevice-1)
	all := make([]access, traceReads)
	for i := range all {
		all[i] = access{int64(place[z.Uint64()]), 0}
	}
	return all
}

// pageRank goes through the edges of a graph in order. Each edge reads the rank of a vertex,
// popular ones more often, and now and then writes a rank, in order. Half of the pages fit into
// memory, by their last use; the others fault.
func pageRank(r *rand.Rand) (all []access) {
	const edges, ranks, perPage = 6000, 1000, 64
	z, place := rand.NewZipf(r, 1.05, 1, ranks-1), r.Perm(ranks)
	memory := newLRU((edges + 2*ranks) / 2)
	touch := func(page int64) {
		if !memory.use(page) {
			all = append(all, access{page, 0})
		}
	}
	for len(all) < traceReads {
		for page := range int64(edges) {
			for range perPage {
				touch(page)
				touch(edges + int64(place[z.Uint64()]))
			}
			touch(edges + ranks + page*ranks/edges)
		}
	}
	return all[:traceReads]
}

// byTurns mixes traces, a read of each at a time.
func byTurns(parts ...[]access) (all []access) {
	for i := range parts[0] {
		for _, part := range parts {
			all = append(all, part[i])
		}
	}
	return all
}

// atRandom mixes traces, each in its order.
func atRandom(r *rand.Rand, parts ...[]access) (all []access) {
	left := 0
	for _, part := range parts {
		left += len(part)
	}
	for ; left > 0; left-- {
		n := r.IntN(left)
		for i := range parts {
			if n < len(parts[i]) {
				all = append(all, parts[i][0])
				parts[i] = parts[i][1:]
				break
			}
			n -= len(parts[i])
		}
	}
	return all
}

// lru is a set of pages that forgets the one used least recently.
type lru struct {
	most  int
	order *list.List // pages, the last used at the front
	at    map[int64]*list.Element
}

func newLRU(most int) *lru {
	return &lru{most: most, order: list.New(), at: make(map[int64]*list.Element)}
}

// use puts a page at the front, and reports whether it was there.
func (l *lru) use(page int64) bool {
	if e := l.at[page]; e != nil {
		l.order.MoveToFront(e)
		return true
	}
	l.at[page] = l.order.PushFront(page)
	if l.order.Len() > l.most {
		delete(l.at, l.order.Remove(l.order.Back()).(int64))
	}
	return false
}

// take removes a page, and reports whether it was there.
func (l *lru) take(page int64) bool {
	e := l.at[page]
	if e == nil {
		return false
	}
	l.order.Remove(e)
	delete(l.at, page)
	return true
}
