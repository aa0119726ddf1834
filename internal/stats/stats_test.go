package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		q, want float64
	}{
		{[]float64{3}, 0.5, 3},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{0, 10}, 0.25, 2.5},
		{[]float64{0, 10, 20}, 0, 0},
		{[]float64{0, 10, 20}, 1, 20},
		{[]float64{0, 10, 20}, 2, 20},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, 0.5, math.MaxFloat64},
	} {
		if got := Quantile(c.samples, c.q); got != c.want {
			t.Errorf("Quantile(%v, %v) = %v, want %v", c.samples, c.q, got, c.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("a median of nothing")
	}
}

// TestIntervalOfFive: with five runs, the ends are the smallest and the largest.
func TestIntervalOfFive(t *testing.T) {
	got := MedianInterval([]float64{9, 7, 10, 8, 11}, 1)
	if got != (Interval{Value: 9, Low: 7, High: 11, Runs: 5}) {
		t.Errorf("%+v", got)
	}
}

// TestCoverage: the interval of 15 runs holds the true median about as often as it says.
func TestCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const trials = 400
	held := 0
	for i := range trials {
		samples := make([]float64, 15)
		for j := range samples {
			samples[j] = 100 + 10*rng.NormFloat64()
		}
		if in := MedianInterval(samples, uint64(i)); in.Low <= 100 && 100 <= in.High {
			held++
		}
	}
	if share := float64(held) / trials; share < 0.90 || share > 0.99 {
		t.Errorf("the interval held the median in %.1f%% of %d trials, want about 95%%", 100*share, trials)
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want Verdict
	}{
		{[]float64{11, 12, 13, 12, 11}, []float64{9, 8, 7, 8, 9}, Faster},
		{[]float64{5, 6, 5, 6, 5}, []float64{9, 8, 7, 8, 9}, Slower},
		{[]float64{8, 9, 7, 10, 8}, []float64{9, 8, 7, 8, 9}, NoDifference},
		{[]float64{11, 12, 13, 12}, []float64{9, 8, 7, 8, 9}, TooFewRuns},
		{[]float64{11, 12, 13, 12, 11}, []float64{9, 8}, TooFewRuns},
	} {
		ratio, ok := RatioInterval(c.a, c.b, 1)
		if got := ratio.Verdict(); !ok || got != c.want {
			t.Errorf("%v against %v: %+v, %v: %q, want %q", c.a, c.b, ratio, ok, got, c.want)
		}
	}
}

func TestNoRatio(t *testing.T) {
	for _, c := range [][2][]float64{
		{nil, {1}},
		{{1}, nil},
		{{1}, {0, 1}},
		{{-1, 1}, {1}},
		{{math.NaN()}, {1}},
		{{1}, {math.NaN()}},
		{{math.MaxFloat64}, {math.SmallestNonzeroFloat64}},
	} {
		if ratio, ok := RatioInterval(c[0], c[1], 1); ok {
			t.Errorf("%v over %v is %+v", c[0], c[1], ratio)
		}
	}
}

func samples(t *rapid.T, name string) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(1e-6, 1e9), 1, 12).Draw(t, name)
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := samples(t, "a"), samples(t, "b")
		seed := rapid.Uint64().Draw(t, "seed")
		in := MedianInterval(a, seed)
		if in.Low < slices.Min(a) || in.High > slices.Max(a) || in.Low > in.Value || in.Value > in.High {
			t.Fatalf("%+v of %v", in, a)
		}
		if in.Value != Median(a) {
			t.Fatalf("%v is not the median %v", in.Value, Median(a))
		}
		shuffled := rapid.Permutation(a).Draw(t, "shuffled")
		if again := MedianInterval(shuffled, seed); again != in {
			t.Fatalf("in another order %+v, before %+v", again, in)
		}
		// A power of two scales every sample exactly.
		scaled := make([]float64, len(a))
		for i := range a {
			scaled[i] = 4 * a[i]
		}
		if s := MedianInterval(scaled, seed); s != (Interval{4 * in.Value, 4 * in.Low, 4 * in.High, in.Runs}) {
			t.Fatalf("four times as much is %+v, before %+v", s, in)
		}
		ratio, ok := RatioInterval(a, b, seed)
		if !ok || ratio.Low > ratio.Value || ratio.Value > ratio.High || ratio.Runs != min(len(a), len(b)) {
			t.Fatalf("%+v, %v", ratio, ok)
		}
		if least := slices.Min(a) / slices.Max(b); ratio.Low < least {
			t.Fatalf("%+v is below %v", ratio, least)
		}
		four, ok := RatioInterval(scaled, b, seed)
		if !ok || four != (Interval{4 * ratio.Value, 4 * ratio.Low, 4 * ratio.High, ratio.Runs}) {
			t.Fatalf("four times as much is %+v, before %+v", four, ratio)
		}
	})
}
