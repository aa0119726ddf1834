package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a figure and between what it probably is.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Runs are how many samples it is of; of a ratio, the smaller of the two numbers.
	Runs int `json:"runs"`
}

const (
	// Confidence of all intervals.
	Confidence = 0.95
	// resamples put the ends of an interval within a third of a percent of their
	// quantiles: the standard error of 2.5% of 4,000.
	resamples = 4000
)

// MedianInterval is the median of samples with its percentile bootstrap interval. All
// is NaN without samples.
func MedianInterval(samples []float64, seed uint64) Interval {
	sorted := slices.Sorted(slices.Values(samples))
	rng := rand.New(rand.NewPCG(seed, uint64(len(sorted))))
	draw := newDraw(sorted)
	return interval(quantile(sorted, 0.5), len(sorted), func() float64 { return draw.median(rng) })
}

// RatioInterval is the median of a over the median of b with its percentile bootstrap
// interval, both drawn anew each time. ok is false where there is no ratio: either has
// no samples, a has one below 0, or b has one that is not above 0.
func RatioInterval(a, b []float64, seed uint64) (ratio Interval, ok bool) {
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	if len(x) == 0 || len(y) == 0 || !(x[0] >= 0) || !(y[0] > 0) {
		return Interval{}, false
	}
	rng := rand.New(rand.NewPCG(seed, uint64(len(x))<<32|uint64(len(y))))
	above, below := newDraw(x), newDraw(y)
	ratio = interval(quantile(x, 0.5)/quantile(y, 0.5), min(len(x), len(y)), func() float64 {
		return above.median(rng) / below.median(rng)
	})
	return ratio, !math.IsInf(ratio.High, 0) && !math.IsNaN(ratio.High)
}

func interval(value float64, runs int, draw func() float64) Interval {
	drawn := make([]float64, resamples)
	for i := range drawn {
		drawn[i] = draw()
	}
	slices.Sort(drawn)
	const tail = (1 - Confidence) / 2
	return Interval{Value: value, Low: quantile(drawn, tail), High: quantile(drawn, 1-tail), Runs: runs}
}

// draw takes as many of the samples as there are, with replacement.
type draw struct{ from, drawn []float64 }

func newDraw(from []float64) draw { return draw{from, make([]float64, len(from))} }

func (d draw) median(rng *rand.Rand) float64 {
	if len(d.from) == 0 {
		return math.NaN()
	}
	for i := range d.drawn {
		d.drawn[i] = d.from[rng.IntN(len(d.from))]
	}
	slices.Sort(d.drawn)
	return quantile(d.drawn, 0.5)
}
