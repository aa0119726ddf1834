// Package loghist is the latency histogram that all of farswap shares: the probes in
// the kernel, the queues' threads, status, and the programs that draw status.
//
// Dangers first:
//
//   - The probes have Index in C. Both versions must agree, and a test of package bpf
//     checks that.
//   - A [Histogram] is not safe for concurrent use. Its owner adds to it and gives
//     copies to others.
//   - Counts only grow. [Histogram.Since] takes the difference of two histograms, which
//     is the distribution over the time between them.
//
// Buckets are log-linear: each power of two of nanoseconds from [Least] to [Most] has
// [PerOctave] buckets of the same width, so a bucket's width is at most a sixteenth of
// its lower bound. The first bucket counts shorter durations, the last bucket longer
// ones.
package loghist

import (
	"math"
	"math/bits"
)

// The scale.
const (
	subBits = 4

	PerOctave  = 1 << subBits // buckets of a power of two
	leastPower = 10           // 2¹⁰ ns, about a microsecond
	mostPower  = 35           // 2³⁵ ns, about 34 s

	Least = 1 << leastPower // lower bound of bucket 1, in nanoseconds
	Most  = 1 << mostPower  // lower bound of the last bucket, in nanoseconds

	// Buckets is the number of buckets, with the two for durations out of range.
	Buckets = (mostPower-leastPower)*PerOctave + 2
)

// Histogram counts durations. The zero value is empty.
type Histogram struct {
	Counts [Buckets]uint64
	Sum    uint64 // of all durations, in nanoseconds
}

// Index is the bucket of a duration in nanoseconds.
func Index(ns uint64) int {
	switch {
	case ns < Least:
		return 0
	case ns >= Most:
		return Buckets - 1
	}
	power := bits.Len64(ns) - 1
	return 1 + (power-leastPower)*PerOctave + int(ns>>(power-subBits))&(PerOctave-1)
}

// Bounds returns the shortest duration of bucket i and the first that is too long for
// it, in nanoseconds. For the last bucket, which has no upper bound, the second is
// math.MaxUint64.
func Bounds(i int) (from, to uint64) { return lower(i), lower(i + 1) }

func lower(i int) uint64 {
	switch {
	case i <= 0:
		return 0
	case i >= Buckets:
		return math.MaxUint64
	}
	power, part := leastPower+(i-1)/PerOctave, uint64((i-1)%PerOctave)
	return (PerOctave + part) << (power - subBits)
}

// Record counts a duration in nanoseconds; negative ones count as 0.
func (h *Histogram) Record(ns int64) {
	d := uint64(max(ns, 0))
	h.Counts[Index(d)]++
	h.Sum += d
}

// Count is the number of durations.
func (h *Histogram) Count() uint64 {
	n := uint64(0)
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Add adds the durations of another histogram.
func (h *Histogram) Add(o *Histogram) {
	for i, c := range o.Counts {
		h.Counts[i] += c
	}
	h.Sum += o.Sum
}

// Since returns what h has counted since it was equal to before. If before has more in
// any bucket, the source has started anew in between, and Since returns all of h.
func (h *Histogram) Since(before *Histogram) Histogram {
	d := Histogram{Sum: h.Sum - before.Sum}
	for i, c := range h.Counts {
		if c < before.Counts[i] {
			return *h
		}
		d.Counts[i] = c - before.Counts[i]
	}
	return d
}

// Quantile returns the duration in nanoseconds that a share q of all durations, 0 to 1,
// does not exceed. It assumes that durations are spread evenly over their bucket, so it
// is off by the width of one bucket at most. An empty histogram gives 0, and the last
// bucket gives [Most].
func (h *Histogram) Quantile(q float64) int64 {
	n := h.Count()
	if n == 0 {
		return 0
	}
	rank := max(1, uint64(math.Ceil(min(max(q, 0), 1)*float64(n))))
	below := uint64(0)
	for i, c := range h.Counts {
		if below+c < rank {
			below += c
			continue
		}
		if i == Buckets-1 {
			return Most
		}
		from, to := Bounds(i)
		return int64(from + uint64(float64(to-from)*float64(rank-below)/float64(c+1)))
	}
	return Most
}
