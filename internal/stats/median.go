package stats

import (
	"math"
	"slices"
)

// Median returns the middle sample, or of an even number the mean of the two in the
// middle. Without samples it returns NaN.
func Median(samples []float64) float64 { return Quantile(samples, 0.5) }

// Quantile returns the value that a share q of the samples, 0 to 1, does not exceed. It
// interpolates between the two samples around it (type 7 of Hyndman and Fan, 1996).
// Without samples it returns NaN.
func Quantile(samples []float64, q float64) float64 {
	return quantile(slices.Sorted(slices.Values(samples)), q)
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	place := min(max(q, 0), 1) * float64(len(sorted)-1)
	i := int(place)
	part := place - float64(i)
	if part == 0 {
		return sorted[i]
	}
	return min(sorted[i]+part*(sorted[i+1]-sorted[i]), sorted[i+1])
}
