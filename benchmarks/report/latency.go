package report

import (
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/loghist"
)

// quantile writes a quantile of a histogram for people.
func quantile(h *loghist.Histogram, q float64) string {
	if h == nil || h.Count() == 0 {
		return missing
	}
	return human.Nanos(h.Quantile(q))
}
