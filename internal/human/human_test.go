package human

import (
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 512: "512", 1023: "1023", 1024: "1K", 1536: "1.5K", 64 << 20: "64M", 16 << 30: "16G",
		1<<30 + 1<<29 + 1<<28: "1.75G", 10239: "10K", 1<<20 - 1: "1024K", 5 << 50: "5P", 1 << 62: "4096P",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestNanos(t *testing.T) {
	for n, want := range map[int64]string{
		0: "-", -1: "-", 1: "1ns", 999: "999ns", 1000: "1µs", 13_900: "13.9µs", 13_949: "13.9µs", 999_999: "1000µs",
		1_240_000: "1.24ms", 100_400_000: "100ms", 2_500_000_000: "2.5s", 61_000_000_000: "61s",
	} {
		if got := Nanos(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 61*time.Second + time.Millisecond: "1m1s", 90 * time.Minute: "1h30m", 49 * time.Hour: "2d1h",
	} {
		if got := Age(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 0.123: "0.12", 7: "7", 999: "999", 999.6: "1k", 1240: "1.24k", 13_949: "13.9k", 999_600: "1M", 4.2e9: "4.2G", 1e19: "10000P",
	} {
		if got := Count(f); got != want {
			t.Errorf("%v: got %q, want %q", f, got, want)
		}
	}
}
