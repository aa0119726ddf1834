package path

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// TestSlowestOfTheLastMinute holds the ring against a list of all requests.
func TestSlowestOfTheLastMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slowest
		var all []Slow
		now := rapid.Int64Range(0, 1<<40).Draw(t, "begin")
		for range rapid.IntRange(1, 40).Draw(t, "bursts") {
			now += rapid.Int64Range(0, int64(SlowFor)/4).Draw(t, "pause")
			for range rapid.IntRange(1, 60).Draw(t, "burst") {
				now += rapid.Int64Range(0, int64(time.Millisecond)).Draw(t, "step")
				took := rapid.Int64Range(0, 1000).Draw(t, "took")
				s.answered(&request{op: ublk.OpRead, pages: 1}, now, took)
				all = append(all, Slow{at: now, total: took})
			}
		}
		longest := func(list []Slow) []int64 {
			slices.SortFunc(list, func(a, b Slow) int { return cmp.Compare(b.total, a.total) })
			var totals []int64
			for _, r := range list[:min(len(list), status.MaxSlowest)] {
				totals = append(totals, r.total)
			}
			return totals
		}
		// The slot in which the minute begins may have kept what is older instead. Of the
		// rest none may be missing, unless enough that are kept took longer.
		got, sure := s.since(now-int64(SlowFor), nil), now-int64(SlowFor)+int64(slowSlot)
		want := slices.DeleteFunc(slices.Clone(got), func(r Slow) bool { return r.at >= sure })
		for _, r := range all {
			if r.at >= sure {
				want = append(want, r)
			}
		}
		if got, want := longest(got), longest(want); !slices.Equal(got, want) {
			t.Fatalf("got %d\nwant %d", got, want)
		}
		for _, r := range s.since(now-int64(SlowFor), nil) {
			if now-r.at > int64(SlowFor) {
				t.Fatalf("a request of %v ago", time.Duration(now-r.at))
			}
		}
	})
}

func TestBlame(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times times
		total int64
		want  string
	}{
		{"zeros, at once", times{}, 0, status.BlameServer},
		{"a donor", times{remote: 90}, 100, status.BlameDonor},
		{"the backing file", times{backing: 60, remote: 20}, 100, status.BlameBacking},
		{"parked", times{queued: 60, remote: 40}, 100, status.BlameServer},
		{"in no part", times{remote: 30, backing: 10}, 100, status.BlameServer},
		{"parked, then both at once", times{queued: 40, remote: 60, backing: 60}, 100, status.BlameDonor},
		{"a donor in vain, then the file", times{remote: 50, backing: 45}, 100, status.BlameDonor},
		{"both for the same time", times{remote: 100, backing: 100}, 100, status.BlameDonor},
	} {
		if got := tt.times.blame(tt.total); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
