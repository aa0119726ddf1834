package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a figure and the interval in which the true figure probably is.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Runs is the number of samples; of a ratio, the smaller of the two numbers.
	Runs int `json:"runs"`
}

const (
	// Confidence is the probability with which an interval has the true figure.
	Confidence = 0.95
	// resamples is how often the samples are drawn anew. With 4,000 draws, the standard
	// error of the 2.5% quantile, at an end of the interval, is a quarter of a percent.
	resamples = 4000
)

// MedianInterval returns the median of samples with its percentile bootstrap interval.
// Without samples its figures are NaN.
func MedianInterval(samples []float64, seed uint64) Interval {
	sorted := slices.Sorted(slices.Values(samples))
	rng := rand.New(rand.NewPCG(seed, uint64(len(sorted))))
	draw := newDraw(sorted)
	return interval(quantile(sorted, 0.5), len(sorted), func() float64 { return draw.median(rng) })
}

// RatioInterval returns the median of a over the median of b with its percentile
// bootstrap interval. Each draw takes both anew. ok is false if there is no ratio: a or b
// has no samples, a has one below 0, or b has one that is not above 0.
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

// draw takes samples at random with replacement, as many as there are.
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
