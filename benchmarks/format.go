package benchmarks

import (
	"fmt"
	"strconv"
)

// grouped writes n with a comma between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// scaled writes v with three significant digits and the largest unit in which it
// is at least 1; each unit is step times the one before.
func scaled(v, step float64, units ...string) string {
	i := 0
	for ; i < len(units)-1 && v >= step-step/2000; i++ {
		v /= step
	}
	digits := 0
	if v < 99.95 && v != float64(int64(v)) {
		digits = 1
		if v < 9.995 {
			digits = 2
		}
	}
	return fmt.Sprintf("%.*f %s", digits, v, units[i])
}

// nanoseconds writes a latency for people.
func nanoseconds(ns int64) string { return scaled(float64(ns), 1000, "ns", "µs", "ms", "s") }

// byteSize writes a size for people.
func byteSize(n int64) string { return scaled(float64(n), 1024, "B", "KiB", "MiB", "GiB", "TiB") }

// times writes a ratio for people.
func times(q float64) string {
	switch {
	case q == 0:
		return "–"
	case q >= 99.95:
		return grouped(int64(q+0.5)) + "×"
	case q >= 9.995:
		return fmt.Sprintf("%.1f×", q)
	}
	return fmt.Sprintf("%.2f×", q)
}
