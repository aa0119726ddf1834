package workload

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestKeysHaveTheirLength(t *testing.T) {
	for key, want := range map[int64]string{0: "key-000000000000", 7: "key-000000000007", 123456789012: "key-123456789012"} {
		if got := string(appendKey(nil, key)); got != want || len(got) != keySize {
			t.Errorf("key %d is %q", key, got)
		}
	}
}

func TestEveryChangeOfAValueIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values{16, 512}
		key, version := rapid.Int64Range(0, 1e12-1).Draw(t, "key"), rapid.Uint32().Draw(t, "version")
		b := v.appendValue(nil, key, version)
		if len(b) < v.low || len(b) > v.high {
			t.Fatalf("%d bytes", len(b))
		}
		if err := v.check(b, key, version); err != nil {
			t.Fatal(err)
		}
		if err := v.check(b, key, version+1); !errors.Is(err, ErrWrong) {
			t.Fatalf("an old version: %v", err)
		}
		if err := v.check(b[:len(b)-1], key, version); !errors.Is(err, ErrWrong) {
			t.Fatalf("a shorter value: %v", err)
		}
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if err := v.check(b, key, version); !errors.Is(err, ErrWrong) {
			t.Fatalf("a flipped bit: %v", err)
		}
	})
}

func TestSizesAreEvenlySpread(t *testing.T) {
	v := values{16, 512}
	const n = 100_000
	var sum, small float64
	for key := range int64(n) {
		size := v.size(key)
		sum += float64(size)
		if size < 16+497/2 {
			small++
		}
	}
	if mean := sum / n; mean < 262 || mean > 266 || !near(small, n*248./497, 0) {
		t.Errorf("mean %v, %v below the middle", mean, small)
	}
}
