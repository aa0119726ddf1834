package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/farswap/farswap/internal/human"
)

// missing stands for a figure that does not exist.
const missing = "–"

// figure writes a value to three digits, without its unit.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0"
	case a < 0.001:
		return strconv.FormatFloat(v, 'e', 2, 64)
	case a < 1:
		return strconv.FormatFloat(v, 'f', 2-int(math.Floor(math.Log10(a))), 64)
	case v < 0:
		return "-" + human.Count(a)
	}
	return human.Count(v)
}

// span writes the interval of a figure.
func span(low, high float64) string { return figure(low) + " to " + figure(high) }

// times writes a ratio for people.
func times(q float64) string {
	switch {
	case q >= 99.95:
		return fmt.Sprintf("%.0f×", q)
	case q >= 9.995:
		return fmt.Sprintf("%.1f×", q)
	case q >= 0.0995:
		return fmt.Sprintf("%.2f×", q)
	case q >= 0.00995:
		return fmt.Sprintf("%.3f×", q)
	case q == 0:
		return "0×"
	}
	return fmt.Sprintf("%.2g×", q)
}

// bare writes a ratio without the sign ×.
func bare(q float64) string { return strings.TrimSuffix(times(q), "×") }

// percent writes a share of one processor, or of the time.
func percent(share float64) string {
	if share > 0 && share < 0.095 {
		return fmt.Sprintf("%.1f%%", 100*share)
	}
	return fmt.Sprintf("%.0f%%", 100*share)
}

// count writes a number of things, with the noun in the right form.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
