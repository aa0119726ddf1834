package loghist

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBucketsAreAdjacent(t *testing.T) {
	for i := range Buckets {
		from, to := Bounds(i)
		if from >= to || Index(from) != i || Index(to-1) != i && i != Buckets-1 {
			t.Errorf("bucket %d is [%d, %d): its ends are in %d and %d", i, from, to, Index(from), Index(to-1))
		}
		if i > 0 && i < Buckets-1 && (to-from)*PerOctave > from {
			t.Errorf("bucket %d, [%d, %d), is wider than a sixteenth", i, from, to)
		}
	}
	if Index(math.MaxUint64) != Buckets-1 || Index(0) != 0 {
		t.Errorf("ends are in %d and %d", Index(0), Index(math.MaxUint64))
	}
}

// TestQuantiles compares quantiles with those of the sorted durations.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Int64Range(-5, 2*Most), 1, 200).Draw(t, "durations")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var h Histogram
		for _, ns := range all {
			h.Record(ns)
		}
		slices.Sort(all)
		exact := max(0, all[max(0, int(math.Ceil(q*float64(len(all))))-1)])
		got := h.Quantile(q)
		if want := Index(uint64(exact)); Index(uint64(got)) != want {
			t.Fatalf("quantile %g is %d, in bucket %d; exact %d, in bucket %d", q, got, Index(uint64(got)), exact, want)
		}
	})
}

func TestSumsAndDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOf(rapid.Int64Range(0, 1<<40))
		var a, b Histogram
		for _, ns := range durations.Draw(t, "a") {
			a.Record(ns)
		}
		for _, ns := range durations.Draw(t, "b") {
			b.Record(ns)
		}
		sum := a
		sum.Add(&b)
		if sum.Count() != a.Count()+b.Count() || sum.Since(&a) != b {
			t.Fatalf("%+v + %+v = %+v", a, b, sum)
		}
		if b.Count() > 0 && a.Since(&sum) != a {
			t.Fatal("a histogram that shrank is not taken as new")
		}
		data, err := json.Marshal(sum)
		if err != nil {
			t.Fatal(err)
		}
		var back Histogram
		if err := json.Unmarshal(data, &back); err != nil || back != sum {
			t.Fatalf("%s: %+v, %v", data, back, err)
		}
	})
}

func TestEmpty(t *testing.T) {
	var h Histogram
	data, err := json.Marshal(h)
	if string(data) != `{"count":0,"sum_ns":0,"buckets":[]}` || err != nil || h.Quantile(0.5) != 0 {
		t.Errorf("%s, %v, %d", data, err, h.Quantile(0.5))
	}
}

func TestForeignScaleIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"count":1,"buckets":[[1025,1]]}`: "not the lower bound of a bucket",
		`{"count":2,"buckets":[[1024,1]]}`: "have 1 durations, but its count is 2",
		`{"buckets":[["a",1]]}`:            "cannot unmarshal",
	} {
		var h Histogram
		if err := json.Unmarshal([]byte(text), &h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Record(int64(i) << 7)
	}
}
