package status

import "github.com/farswap/farswap/internal/loghist"

// Buckets is the number of buckets of a [Distribution]. The buckets are log-linear: each
// power of two of nanoseconds from 2¹⁰ (1 µs) to 2³⁵ (34 s) is cut into 16 of the same
// width. The first bucket counts what is shorter, the last what is longer.
const Buckets = loghist.Buckets

// Distribution counts durations by bucket. The zero value is empty.
//
// In JSON it is {"count": …, "sum_ns": …, "buckets": [[lower bound in ns, count], …]}, with
// the buckets that are not empty in ascending order. A reader refuses lower bounds that are
// not of this scale.
type Distribution struct {
	Counts [Buckets]uint64
	Sum    uint64 // of all durations, in nanoseconds
}

// Bounds returns the shortest duration of a bucket and the shortest that is too long for it,
// in nanoseconds. The last bucket has no upper bound: to is math.MaxUint64.
func Bounds(bucket int) (from, to uint64) { return loghist.Bounds(bucket) }

// dense returns d as the histogram that has the arithmetic; both have the same layout.
func (d *Distribution) dense() *loghist.Histogram { return (*loghist.Histogram)(d) }

// Record counts a duration in nanoseconds. It counts a negative one as 0.
func (d *Distribution) Record(ns int64) { d.dense().Record(ns) }

// Count returns the number of durations.
func (d *Distribution) Count() uint64 { return d.dense().Count() }

// Quantile returns the duration in nanoseconds that a share q of all does not exceed, with q
// from 0 to 1. It is off by the width of a bucket at most. An empty distribution has 0.
func (d *Distribution) Quantile(q float64) int64 { return d.dense().Quantile(q) }

// Add adds the durations of another distribution.
func (d *Distribution) Add(o *Distribution) { d.dense().Add(o.dense()) }

// Since returns the durations that came after d was like before. If before has more in any
// bucket, the server was started anew in between, and Since returns all of d.
func (d *Distribution) Since(before *Distribution) Distribution {
	return Distribution(d.dense().Since(before.dense()))
}

// MarshalJSON leaves the empty buckets out.
func (d Distribution) MarshalJSON() ([]byte, error) { return d.dense().MarshalJSON() }

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Distribution) UnmarshalJSON(data []byte) error { return d.dense().UnmarshalJSON(data) }
