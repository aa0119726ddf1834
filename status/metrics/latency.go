package metrics

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// Scale of the native histograms. Schema 3 has 8 buckets for a power of two, each 9% wide. It is the finest schema
// with wider buckets than those of loghist (6%). A finer one would have buckets that always stay empty.
const (
	nativeSchema  = 3
	zeroThreshold = loghist.Least / 1e9 // seconds: shorter ones are the zero bucket
)

// classicPowers are the bounds of the classic buckets, as powers of two of nanoseconds: every power from 8 µs to
// 67 ms, where people look at quantiles, and every other up to 4.3 s.
var classicPowers = []int{13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30, 32}

// nativeIndex is the native bucket of each bucket of loghist but the first.
var nativeIndex = func() (index [loghist.Buckets]int) {
	for i := 1; i < loghist.Buckets; i++ {
		from, to := loghist.Bounds(i)
		middle := float64(from) + float64(to-from)/2
		if i == loghist.Buckets-1 { // without an upper bound
			middle = float64(from) * 1.01
		}
		index[i] = bucketOf(middle / 1e9)
	}
	return index
}()

// bucketOf is the native bucket of v seconds: bucket i ends with 2^(i/8).
func bucketOf(v float64) int { return int(math.Ceil(math.Log2(v) * (1 << nativeSchema))) }

// histogram has native and classic buckets.
type histogram struct {
	prometheus.Metric // the native one
	classic           []*dto.Bucket
}

// Write adds the classic buckets to the native histogram.
func (h histogram) Write(m *dto.Metric) error {
	if err := h.Metric.Write(m); err != nil {
		return err
	}
	m.Histogram.Bucket = h.classic
	return nil
}

// latency adds a histogram. It also adds an empty one, so that its first durations are an increase.
func (s *sink) latency(f *family, h *status.Distribution, labels ...string) {
	since := s.since
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	buckets := map[int]int64{}
	for i, count := range h.Counts {
		if i > 0 && count > 0 {
			buckets[nativeIndex[i]] += int64(count)
		}
	}
	native, err := prometheus.NewConstNativeHistogram(f.desc, h.Count(), float64(h.Sum)/1e9, buckets, nil,
		h.Counts[0], nativeSchema, zeroThreshold, since, s.labels(labels)...)
	if err != nil {
		s.out <- prometheus.NewInvalidMetric(f.desc, err)
		return
	}
	s.out <- histogram{native, classicBuckets(h)}
}

// classicBuckets returns the cumulative buckets without the last one, which is the count.
func classicBuckets(h *status.Distribution) []*dto.Bucket {
	var buckets []*dto.Bucket
	sum, next := uint64(0), 0
	for _, power := range classicPowers {
		for end := loghist.Index(1 << power); next < end; next++ {
			sum += h.Counts[next]
		}
		buckets = append(buckets, &dto.Bucket{CumulativeCount: new(sum), UpperBound: new(float64(uint64(1)<<power) / 1e9)})
	}
	return buckets
}
