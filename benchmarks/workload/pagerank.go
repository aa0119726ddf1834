package workload

import (
	"fmt"
	"math"
)

// pagerank computes the ranks of a graph by pulling along incoming edges. It reads edges in
// order, and the ranks of their sources at random.
var pagerank = program{
	name:  "pagerank",
	about: "PageRank on a power-law graph with about 16 edges to a vertex, 3 rounds",
	fill:  fillPageRank,
}

const (
	pagerankRounds = 3
	damping        = 0.85
)

type pagerankTask struct {
	graph   *graph
	threads int
	rank    []float64
	given   []float64 // what each vertex gives along each of its edges
	sums    []uint64  // checksums of the blocks of rank
	total   float64   // of all ranks
	change  float64   // of all ranks in the last round, added up
}

func fillPageRank(c ProgramConfig) (task, error) {
	n := int(c.Bytes / vertexBytes)
	if n > math.MaxUint32 {
		return nil, fmt.Errorf("%d vertices: give less memory: %w", n, ErrConfig)
	}
	t := &pagerankTask{threads: c.Threads, sums: make([]uint64, blocks(n))}
	var err error
	if t.rank, err = array[float64](n); err != nil {
		return nil, err
	}
	if t.given, err = array[float64](n); err != nil {
		return nil, err
	}
	err = guarded(func() error {
		t.graph, err = newGraph(n, c.Seed)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t, split(c.Threads, n, func(b, low, high int) error {
		for v := low; v < high; v++ {
			t.rank[v] = 1 / float64(n)
		}
		t.sums[b] = rankSum(t.rank[low:high])
		return nil
	})
}

func rankSum(ranks []float64) uint64 {
	var sum uint64
	for _, r := range ranks {
		sum = digest(sum, math.Float64bits(r))
	}
	return sum
}

func (t *pagerankTask) work() (float64, error) {
	for range pagerankRounds {
		if err := t.round(); err != nil {
			return 0, err
		}
	}
	return float64(len(t.graph.sources)) * pagerankRounds, nil
}

func (t *pagerankTask) round() error {
	lost, err := t.give()
	if err != nil {
		return err
	}
	return t.pull(lost)
}

// give computes what each vertex gives, and the rank of the vertices without outgoing edges.
func (t *pagerankTask) give() (lost float64, err error) {
	parts := make([]float64, len(t.sums))
	err = split(t.threads, len(t.rank), func(b, low, high int) error {
		if rankSum(t.rank[low:high]) != t.sums[b] {
			return fmt.Errorf("ranks %d to %d have changed between rounds: %w", low, high-1, ErrWrong)
		}
		for v := low; v < high; v++ {
			if t.graph.outgoing[v] == 0 {
				parts[b] += t.rank[v]
				continue
			}
			t.given[v] = t.rank[v] / float64(t.graph.outgoing[v])
		}
		return nil
	})
	return total(parts), err
}

// pull gives each vertex what comes along its edges, and its part of lost.
func (t *pagerankTask) pull(lost float64) error {
	n := float64(len(t.rank))
	sums, changes := make([]float64, len(t.sums)), make([]float64, len(t.sums))
	err := split(t.threads, len(t.rank), func(b, low, high int) error {
		for v := low; v < high; v++ {
			var sum float64
			for _, source := range t.graph.edges(v) {
				sum += t.given[source]
			}
			rank := (1-damping)/n + damping*(sum+lost/n)
			changes[b] += math.Abs(rank - t.rank[v])
			sums[b] += rank
			t.rank[v] = rank
		}
		t.sums[b] = rankSum(t.rank[low:high])
		return nil
	})
	t.total, t.change = total(sums), total(changes)
	return err
}

func total(parts []float64) float64 {
	var sum float64
	for _, p := range parts {
		sum += p
	}
	return sum
}

// check compares the graph with its seed, and checks two properties of the ranks: their sum is
// 1, and the sum of their changes has shrunk with every round.
func (t *pagerankTask) check() error {
	if !(math.Abs(t.total-1) < 1e-9) {
		return fmt.Errorf("the ranks add up to %v: %w", t.total, ErrWrong)
	}
	if most := 2 * math.Pow(damping, pagerankRounds); !(t.change <= most) {
		return fmt.Errorf("the ranks changed by %v in the last round, and %v is possible: %w", t.change, most, ErrWrong)
	}
	return split(t.threads, len(t.rank), func(b, low, high int) error {
		if rankSum(t.rank[low:high]) != t.sums[b] {
			return fmt.Errorf("ranks %d to %d have changed after the last round: %w", low, high-1, ErrWrong)
		}
		for v := low; v < high; v++ {
			if !t.graph.intact(v) {
				return fmt.Errorf("the edges to vertex %d have changed: %w", v, ErrWrong)
			}
		}
		return nil
	})
}

func (t *pagerankTask) figures(amount, seconds float64) []Metric {
	return []Metric{timeOf(seconds), rateOf(amount/seconds, "edges/s")}
}
