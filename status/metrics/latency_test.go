package metrics

import (
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"pgregory.net/rapid"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// TestNoNativeBucketStaysEmpty: a heat map must have no stripes.
func TestNoNativeBucketStaysEmpty(t *testing.T) {
	for i := 2; i < loghist.Buckets; i++ {
		if step := nativeIndex[i] - nativeIndex[i-1]; step < 0 || step > 1 {
			t.Errorf("buckets %d and %d go to the native buckets %d and %d", i-1, i, nativeIndex[i-1], nativeIndex[i])
		}
	}
	if first, last := nativeIndex[1], nativeIndex[loghist.Buckets-1]; first != bucketOf(1.056e-6) || last != bucketOf(34.4) {
		t.Errorf("the ends are in %d and %d", first, last)
	}
}

// dtoHistogram is what Prometheus gets.
func dtoHistogram(h *status.Distribution) (*dto.Histogram, error) {
	out := make(chan prometheus.Metric, 1)
	(&sink{out: out, owner: []string{"ublkb0"}}).latency(deviceLatency, h, "read")
	var m dto.Metric
	err := (<-out).Write(&m)
	return m.GetHistogram(), err
}

// TestHistogramsCountRight holds both kinds of buckets against the durations.
func TestHistogramsCountRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOf(rapid.OneOf(rapid.Int64Range(0, 2*loghist.Most), rapid.Int64Range(0, 1<<22))).Draw(t, "durations")
		var h status.Distribution
		sum := 0.0
		for _, ns := range durations {
			h.Record(ns)
			sum += float64(ns) / 1e9
		}
		got, err := dtoHistogram(&h)
		if err != nil || got.GetSampleCount() != uint64(len(durations)) || math.Abs(got.GetSampleSum()-sum) > 1e-6*sum {
			t.Fatalf("got %v, %v, want %d durations, %g s", got, err, len(durations), sum)
		}
		checkClassic(t, got, durations)
		checkNative(t, got, durations)
	})
}

func checkClassic(t *rapid.T, h *dto.Histogram, durations []int64) {
	if len(h.Bucket) != len(classicPowers) {
		t.Fatalf("%d classic buckets", len(h.Bucket))
	}
	for _, b := range h.Bucket {
		want := uint64(0)
		for _, ns := range durations {
			if float64(ns)/1e9 < b.GetUpperBound() {
				want++
			}
		}
		if b.GetCumulativeCount() != want {
			t.Fatalf("%d durations up to %g s, want %d", b.GetCumulativeCount(), b.GetUpperBound(), want)
		}
	}
}

// checkNative: as many durations up to each bucket's edge as there are up to a point not
// further than 1/32 from it.
func checkNative(t *rapid.T, h *dto.Histogram, durations []int64) {
	counted, index, count, next := h.GetZeroCount(), 0, int64(0), 0
	upTo := func(v float64) (n uint64) {
		for _, ns := range durations {
			if float64(ns)/1e9 < v {
				n++
			}
		}
		return n
	}
	if want := upTo(zeroThreshold); counted != want {
		t.Fatalf("%d in the zero bucket, want %d", counted, want)
	}
	for _, span := range h.PositiveSpan {
		index += int(span.GetOffset())
		for range span.GetLength() {
			count += h.PositiveDelta[next]
			counted += uint64(count)
			edge := math.Exp2(float64(index) / 8)
			if edge < float64(loghist.Most)/1e9 && (counted < upTo(edge*(1-1.0/32)) || counted > upTo(edge*(1+1.0/32))) {
				t.Fatalf("%d durations up to %g s, want about %d", counted, edge, upTo(edge))
			}
			next++
			index++
		}
	}
	if counted != h.GetSampleCount() {
		t.Fatalf("%d in native buckets of %d", counted, h.GetSampleCount())
	}
}
