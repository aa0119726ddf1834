// Package human writes figures for people: sizes, latencies, times and counts to three
// digits.
package human

import (
	"fmt"
	"time"
)

const sizeUnits = "KMGTP" // each 1024 times the one before

// Bytes writes a size to three digits, in binary units: 16G, 1.5M, 512.
func Bytes(n int64) string {
	f, unit := float64(n), ""
	for _, u := range sizeUnits {
		if f < 1024 {
			break
		}
		f, unit = f/1024, string(u)
	}
	return threeDigits(f) + unit
}

// Nanos writes a latency to three digits: 870ns, 13.9µs, 1.24ms, 2.5s. A latency of 0
// stands for one that was not measured.
func Nanos(n int64) string {
	switch d := time.Duration(n); {
	case d <= 0:
		return "-"
	case d < time.Microsecond:
		return fmt.Sprintf("%dns", n)
	case d < time.Millisecond:
		return threeDigits(float64(n)/1e3) + "µs"
	case d < time.Second:
		return threeDigits(float64(n)/1e6) + "ms"
	default:
		return threeDigits(float64(n)/1e9) + "s"
	}
}

// Age writes how long ago something was, in the two largest units.
func Age(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Hour:
		return d.String()
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// Count writes a number of things to three digits, in decimal units: 870, 13.9k, 1.24M.
// A number below 10 keeps two digits after the point.
func Count(f float64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		if f < 999.5 {
			return threeDigits(f) + unit
		}
		f /= 1000
	}
	return threeDigits(f) + "P"
}

// threeDigits writes f with up to three significant digits and no superfluous
// zeros. A larger number keeps all of its integer digits.
func threeDigits(f float64) string {
	digits := 0
	switch {
	case f < 9.995:
		digits = 2
	case f < 99.95:
		digits = 1
	}
	s := fmt.Sprintf("%.*f", digits, f)
	for digits > 0 && s[len(s)-1] == '0' {
		s, digits = s[:len(s)-1], digits-1
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

// OrDash is s, or a dash where there is nothing to show.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
