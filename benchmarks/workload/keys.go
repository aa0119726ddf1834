package workload

import (
	"math"
	"math/rand/v2"

	"github.com/farswap/farswap/internal/pseudo"
)

// distribution says how a load chooses keys.
type distribution string

const (
	uniformKeys distribution = "uniform"
	// zipfKeys draws rank r with a probability of about r^-0.99, as YCSB does. It scatters the
	// ranks over the keys, because otherwise hot keys would be neighbours in memory.
	zipfKeys distribution = "zipf"
	// etcKeys are steeper, with an exponent of 1.25. With it the less popular half of the keys
	// of one connection has about 1% of the requests, as Atikoglu et al. (2012) found for ETC.
	etcKeys distribution = "etc"
	// gaussKeys draws around the middle with a deviation of a sixth of the range, as
	// memtier_benchmark does; what is drawn outside is drawn again. Hot keys are neighbours.
	gaussKeys distribution = "gauss"
)

// zipfExponent is YCSB's.
const (
	zipfExponent = 0.99
	etcExponent  = 1.25
)

// chooser returns a function that draws numbers below n, which is at least 1. The function is
// not safe for concurrent use.
func (d distribution) chooser(rng *rand.Rand, n int64) func() int64 {
	switch d {
	case zipfKeys:
		z := newZipf(n, zipfExponent)
		step := pseudo.Scatter(n)
		return func() int64 { return z.rank(rng.Float64()) * step % n }
	case etcKeys:
		z := rand.NewZipf(rng, etcExponent, 1, uint64(n-1))
		step := pseudo.Scatter(n)
		return func() int64 { return int64(z.Uint64()) * step % n }
	case gaussKeys:
		return func() int64 {
			for {
				if x := (rng.NormFloat64()/6 + 0.5) * float64(n); x >= 0 && x < float64(n) {
					return int64(x)
				}
			}
		}
	case uniformKeys:
	}
	return func() int64 { return rng.Int64N(n) }
}

// zipf draws ranks from 0 by the method of Gray et al., "Quickly Generating
// Billion-Record Synthetic Databases" (1994), which YCSB uses: exact for the first two,
// and near enough for the rest. The standard library's generator needs an exponent
// above 1.
type zipf struct {
	n, zeta, alpha, eta, second float64
}

// newZipf prepares for n ranks and an exponent between 0 and 1. It takes time in proportion to
// n.
func newZipf(n int64, exponent float64) zipf {
	z := zipf{n: float64(n), alpha: 1 / (1 - exponent), second: math.Pow(0.5, exponent)}
	for i := n; i >= 1; i-- { // adding small terms first keeps the last digits exact
		z.zeta += math.Pow(float64(i), -exponent)
	}
	z.eta = (1 - math.Pow(2/z.n, 1-exponent)) / (1 - (1+z.second)/z.zeta)
	return z
}

// rank returns the rank for u, which is drawn evenly from [0, 1).
func (z zipf) rank(u float64) int64 {
	switch x := u * z.zeta; {
	case x < 1:
		return 0
	case x < 1+z.second:
		return 1
	}
	return min(int64(z.n*math.Pow(z.eta*u-z.eta+1, z.alpha)), int64(z.n)-1)
}
