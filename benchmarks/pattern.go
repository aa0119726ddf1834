package benchmarks

import (
	"fmt"
	"math/rand/v2"
)

// Pattern is how a workload chooses its next page.
type Pattern string

// The patterns.
const (
	Uniform Pattern = "uniform" // every page alike
	Zipf    Pattern = "zipf"    // few pages often, most seldom
)

// zipfExponent is just above 1, where the standard library's generator begins:
// near the 0.99 that key-value benchmarks use.
const zipfExponent = 1.01

// chooser returns a function that draws numbers below n, and does not
// allocate.
func (p Pattern) chooser(rng *rand.Rand, n int64) (func() int64, error) {
	switch p {
	case Uniform:
		return func() int64 { return rng.Int64N(n) }, nil
	case Zipf:
		z := rand.NewZipf(rng, zipfExponent, 1, uint64(n-1))
		step, shift := scatter(n), rng.Int64N(n)
		// Ranks are scattered, or the hot pages would be neighbours.
		return func() int64 { return (int64(z.Uint64())*step + shift) % n }, nil
	}
	return nil, fmt.Errorf("pattern %q: give %s or %s: %w", string(p), Uniform, Zipf, ErrConfig)
}

// scatter returns a factor that maps the numbers below n onto themselves,
// modulo n, with neighbours far apart.
func scatter(n int64) int64 {
	for step := n*618/1000 + 1; ; step++ {
		if gcd(step, n) == 1 {
			return step
		}
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
