package workload

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const programBytes = 2 << 20

func config(name string, threads int) ProgramConfig {
	return ProgramConfig{Name: name, Bytes: programBytes, Threads: threads, Seed: 3}
}

func fill[T task](t *testing.T, p program, threads int) T {
	made, err := p.fill(config(p.name, threads))
	if err != nil {
		t.Fatal(err)
	}
	return made.(T)
}

// done is a program that has done its work, and passes its check.
func done[T task](t *testing.T, p program, threads int) T {
	made := fill[T](t, p, threads)
	if amount, err := made.work(); err != nil || amount <= 0 {
		t.Fatalf("%s: %v, %v", p.name, amount, err)
	}
	if err := made.check(); err != nil {
		t.Fatal(err)
	}
	return made
}

// wantWrong damages data and expects the check to find that.
func wantWrong(t *testing.T, what string, made task, damage func()) {
	t.Helper()
	damage()
	if err := made.check(); !errors.Is(err, ErrWrong) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestGUPSFindsDamage(t *testing.T) {
	made := done[*gupsTask](t, gups, 2)
	// check has undone the updates: do them again.
	clear(made.updates)
	if _, err := made.work(); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i, word := range made.table {
		if word != made.at(i) {
			changed++
		}
	}
	// Some words are met more than once: of n updates n²/2 divided by the words.
	updates := made.updates[0] + made.updates[1]
	if changed > updates || changed < updates-updates*updates*6/10/len(made.table) || updates < made.most {
		t.Errorf("%d updates changed %d of %d words", updates, changed, len(made.table))
	}
	wantWrong(t, "a flipped bit", made, func() { made.table[len(made.table)-1] ^= 1 << 40 })
}

func TestScanFindsDamage(t *testing.T) {
	made := done[*scanTask](t, scan, 2)
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(made.words)-1).Draw(t, "at")
		bit := uint64(1) << rapid.IntRange(0, 63).Draw(t, "bit")
		made.words[at] ^= bit
		if _, err := made.work(); !errors.Is(err, ErrWrong) {
			t.Errorf("%v", err)
		}
		made.words[at] ^= bit
	})
}

func TestStreamFindsDamage(t *testing.T) {
	for i, pick := range []func(*streamTask) []float64{
		func(s *streamTask) []float64 { return s.a },
		func(s *streamTask) []float64 { return s.b },
		func(s *streamTask) []float64 { return s.c },
	} {
		made := done[*streamTask](t, stream, 1+i)
		values := pick(made)
		wantWrong(t, "the last bit of an element", made, func() { values[77] = math.Nextafter(values[77], 0) })
	}
}

func TestQuicksortFindsDamage(t *testing.T) {
	made := done[*quicksortTask](t, quicksort, 2)
	n := len(made.words)
	wantWrong(t, "two words changed places", made, func() { made.words[5], made.words[n-5] = made.words[n-5], made.words[5] })
	made.words[5], made.words[n-5] = made.words[n-5], made.words[5]
	wantWrong(t, "a word twice", made, func() { made.words[5] = made.words[6] })
}

func TestKMeansFindsDamage(t *testing.T) {
	made := done[*kmeansTask](t, kmeans, 2)
	wantWrong(t, "a point moved", made, func() { made.points[9][3] += 0.001 })
	made.points[9] = made.at(9)
	wantWrong(t, "a centre moved", made, func() { made.centres[1][2] += 2 })
	made = done[*kmeansTask](t, kmeans, 2)
	wantWrong(t, "a point counted elsewhere", made, func() { made.sizes[0]--; made.sizes[1]++ })
	made = done[*kmeansTask](t, kmeans, 2)
	wantWrong(t, "wider clusters", made, func() { made.spread[kmeansRounds-1] *= 1.1 })
}

func TestPageRankFindsDamage(t *testing.T) {
	for name, damage := range map[string]func(*pagerankTask){
		"an edge from elsewhere": func(p *pagerankTask) { p.graph.sources[50]++ },
		"a rank":                 func(p *pagerankTask) { p.rank[7] = math.Nextafter(p.rank[7], 1) },
		"the sum":                func(p *pagerankTask) { p.total += 1e-6 },
		"no convergence":         func(p *pagerankTask) { p.change = 2 },
	} {
		made := done[*pagerankTask](t, pagerank, 2)
		wantWrong(t, name, made, func() { damage(made) })
	}
	made := done[*pagerankTask](t, pagerank, 2)
	made.rank[7] *= 2
	if _, err := made.work(); !errors.Is(err, ErrWrong) {
		t.Errorf("a rank changed between rounds: %v", err)
	}
}

func TestFaultsFindsDamage(t *testing.T) {
	made := done[*faultsTask](t, faults, 2)
	if got := made.in.done + made.out.done; got != int64(made.pages) {
		t.Errorf("%d accesses to %d pages", got, made.pages)
	}
	made.words[700] ^= 1
	if err := made.access(1); !errors.Is(err, ErrWrong) {
		t.Errorf("an access: %v", err)
	}
	wantWrong(t, "the last look", made, func() {})
}

func TestResultsDoNotHangOnThreads(t *testing.T) {
	if a, b := done[*pagerankTask](t, pagerank, 1), done[*pagerankTask](t, pagerank, 5); !slices.Equal(a.rank, b.rank) {
		t.Error("pagerank")
	}
	if a, b := done[*kmeansTask](t, kmeans, 1), done[*kmeansTask](t, kmeans, 5); a.centres != b.centres {
		t.Error("kmeans")
	}
}

// TestPageRankIsPageRank compares the ranks with those of the plain algorithm, which
// pushes along outgoing edges.
func TestPageRankIsPageRank(t *testing.T) {
	made := done[*pagerankTask](t, pagerank, 3)
	g := made.graph
	n := g.vertices()
	rank := make([]float64, n)
	for v := range rank {
		rank[v] = 1 / float64(n)
	}
	for range pagerankRounds {
		next, lost := make([]float64, n), 0.0
		for v := range rank {
			if g.outgoing[v] == 0 {
				lost += rank[v]
			}
			for _, source := range g.edges(v) {
				next[v] += damping * rank[source] / float64(g.outgoing[source])
			}
		}
		for v := range next {
			next[v] += (1-damping)/float64(n) + damping*lost/float64(n)
		}
		rank = next
	}
	for v := range rank {
		if d := math.Abs(rank[v] - made.rank[v]); d > 1e-12 {
			t.Fatalf("vertex %d has rank %v, want %v", v, made.rank[v], rank[v])
		}
	}
}

// TestGraphHasPowerLaws looks at how many edges the best connected hundredth of the
// vertices has: a hundredth of them if all were alike.
func TestGraphHasPowerLaws(t *testing.T) {
	const n = 20_000
	g, err := newGraph(n, 1)
	if err != nil {
		t.Fatal(err)
	}
	incoming, outgoing := make([]int, n), make([]int, n)
	edges := 0
	for v := range n {
		incoming[v], outgoing[v] = len(g.edges(v)), int(g.outgoing[v])
		edges += incoming[v]
	}
	if mean := float64(edges) / n; mean < 14 || mean > 17 {
		t.Errorf("%v edges to a vertex", mean)
	}
	// With density d^-3 from leastDegree on, the share of the top q is q^(1/2); outgoing edges go to
	// the ranks below q·n with probability q^(1/4).
	for name, c := range map[string]struct {
		degrees []int
		want    float64
	}{"incoming": {incoming, 0.1}, "outgoing": {outgoing, math.Pow(0.01, 0.25)}} {
		slices.Sort(c.degrees)
		top, sum := 0, 0
		for i, d := range c.degrees {
			if sum += d; i >= n-n/100 {
				top += d
			}
		}
		if share := float64(top) / float64(sum); math.Abs(share-c.want) > 0.03 {
			t.Errorf("%s: the top hundredth has %v of the edges, want about %v", name, share, c.want)
		}
	}
}

func TestBadProgramConfig(t *testing.T) {
	for _, c := range []ProgramConfig{
		{Name: "sort", Bytes: programBytes, Threads: 1},
		{Name: "scan", Bytes: 1000, Threads: 1},
		{Name: "scan", Bytes: programBytes},
		{Name: "scan", Bytes: programBytes, Threads: maxThreads + 1},
	} {
		if _, err := RunProgram(c, func() error { return nil }); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestProgramThatIsNotToBegin(t *testing.T) {
	if _, err := RunProgram(config("scan", 1), func() error { return errOther }); !errors.Is(err, errOther) {
		t.Errorf("%v", err)
	}
}
