package benchmarks

import (
	"fmt"
	"math/rand/v2"

	"github.com/farswap/farswap/internal/pseudo"
)

// Pattern is how a workload chooses its next page.
type Pattern string

// The patterns.
const (
	Uniform Pattern = "uniform" // every page alike
	Zipf    Pattern = "zipf"    // a few pages often, most pages rarely
)

// zipfExponent is just above 1, the lower bound of the standard library's generator.
// It is near the 0.99 that key-value benchmarks use.
const zipfExponent = 1.01

// chooser returns a function that draws numbers below n without allocating.
func (p Pattern) chooser(rng *rand.Rand, n int64) (func() int64, error) {
	switch p {
	case Uniform:
		return func() int64 { return rng.Int64N(n) }, nil
	case Zipf:
		z := rand.NewZipf(rng, zipfExponent, 1, uint64(n-1))
		step, shift := pseudo.Scatter(n), rng.Int64N(n)
		// Without Scatter the hot pages would be neighbours.
		return func() int64 { return (int64(z.Uint64())*step + shift) % n }, nil
	}
	return nil, fmt.Errorf("pattern %q: give %s or %s: %w", string(p), Uniform, Zipf, ErrConfig)
}
