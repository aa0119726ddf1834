// Package pseudo makes pseudo-random words. The contents and the order of a workload
// follow from them, so a reader knows what the data has to be. Do not use it for
// secrets.
package pseudo

// Golden is the step of SplitMix64 (Steele, Lea and Flood, 2014). A stream that begins
// at x has the words Mix(x+Golden), Mix(x+2·Golden), and so on.
const Golden = 0x9e3779b97f4a7c15

// Mix is SplitMix64's finalizer: a permutation of the 64-bit words in which each bit of
// the result depends on every bit of x.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Unit maps a word to [0, 1), evenly, in steps of 2^-53.
func Unit(x uint64) float64 { return float64(x>>11) * 0x1p-53 }

// Scatter returns a factor for which i → i·factor mod n maps the numbers below n onto
// themselves and puts neighbours far apart. n is at least 1.
func Scatter(n int64) int64 {
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
