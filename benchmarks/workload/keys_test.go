package workload

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/farswap/farswap/internal/pseudo"
)

const draws = 400_000

func count(d distribution, n int64) []float64 {
	choose := d.chooser(rand.New(rand.NewPCG(1, 2)), n)
	hits := make([]float64, n)
	for range draws {
		hits[choose()]++
	}
	return hits
}

// near allows for six standard deviations of a count, and for a share of want.
func near(got, want, share float64) bool {
	return math.Abs(got-want) <= 6*math.Sqrt(want)+share*want
}

func TestZipfIsAsExpected(t *testing.T) {
	const n = 1000
	hits := count(zipfKeys, n)
	slices.Sort(hits)
	slices.Reverse(hits)
	var zeta float64
	for i := 1; i <= n; i++ {
		zeta += math.Pow(float64(i), -zipfExponent)
	}
	// The method is exact for the first two ranks.
	for rank := range 2 {
		want := draws * math.Pow(float64(rank+1), -zipfExponent) / zeta
		if !near(hits[rank], want, 0) {
			t.Errorf("rank %d has %v draws, want about %v", rank, hits[rank], want)
		}
	}
	var got, want float64
	for i := range n / 10 {
		got += hits[i]
		want += draws * math.Pow(float64(i+1), -zipfExponent) / zeta
	}
	if !near(got, want, 0.03) {
		t.Errorf("the hottest tenth has %v draws, want about %v", got, want)
	}
}

// TestKeysAreAsMeasured compares the two loads of memcached with what was measured at
// Facebook, for the keys of one connection at the small size.
func TestKeysAreAsMeasured(t *testing.T) {
	for _, tt := range []struct {
		d          distribution
		n          int64
		share      float64 // of the keys, the most popular ones
		least, top float64 // of the requests that they have
	}{
		{etcKeys, 100_000, 0.5, 0.985, 0.995},
		{zipfKeys, 75_000, 0.25, 0.85, 0.95},
	} {
		hits := count(tt.d, tt.n)
		var got float64
		for rank := range int64(float64(tt.n) * tt.share) {
			got += hits[rank*pseudo.Scatter(tt.n)%tt.n] / draws
		}
		if got < tt.least || got > tt.top {
			t.Errorf("%s: %.3f of the requests for %v of the keys, want %v to %v", tt.d, got, tt.share, tt.least, tt.top)
		}
	}
}

func TestZipfScattersItsHotKeys(t *testing.T) {
	hits := count(zipfKeys, 1000)
	order := make([]int, len(hits))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(hits[b], hits[a]) })
	for i := range 3 {
		if d := order[i] - order[i+1]; d*d < 100*100 {
			t.Errorf("the hottest keys %d and %d are neighbours", order[i], order[i+1])
		}
	}
}

func TestGaussIsAsExpected(t *testing.T) {
	const n = 6000 // a deviation is 1000
	var within [3]float64
	for i, h := range count(gaussKeys, n) {
		for k := range within {
			if math.Abs(float64(i)+0.5-n/2) < float64(k+1)*n/6 {
				within[k] += h
			}
		}
	}
	all := math.Erf(3 / math.Sqrt2)
	for k, got := range within {
		if want := draws * math.Erf(float64(k+1)/math.Sqrt2) / all; !near(got, want, 0) {
			t.Errorf("%v draws within %d deviations, want about %v", got, k+1, want)
		}
	}
}

func TestUniformIsAsExpected(t *testing.T) {
	for key, h := range count(uniformKeys, 100) {
		if !near(h, draws/100, 0) {
			t.Errorf("key %d has %v draws, want about %v", key, h, draws/100)
		}
	}
}

func TestOneKey(t *testing.T) {
	for _, d := range []distribution{uniformKeys, zipfKeys, etcKeys, gaussKeys} {
		for _, n := range []int64{1, 2, 3} {
			choose := d.chooser(rand.New(rand.NewPCG(1, 2)), n)
			for range 1000 {
				if key := choose(); key < 0 || key >= n {
					t.Fatalf("%s: key %d of %d", d, key, n)
				}
			}
		}
	}
}
