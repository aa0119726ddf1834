package feed

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := ring[uint64]{most: rapid.IntRange(1, 10).Draw(t, "most")}
		var all []uint64
		for range rapid.IntRange(0, 40).Draw(t, "adds") {
			all = append(all, uint64(len(all)+1))
			r.add(uint64(len(all)))
		}
		after := rapid.Uint64Range(0, 45).Draw(t, "after")
		limit := rapid.IntRange(-1, 15).Draw(t, "limit")
		want := all[min(int(after), len(all)):]
		want = want[max(0, len(want)-r.most):]
		want = want[max(0, len(want)-max(limit, 0)):]
		if got := r.after(after, limit); !slices.Equal(got, want) {
			t.Errorf("after %d, at most %d of %d: got %v, want %v", after, limit, len(all), got, want)
		}
	})
}

// TestJournal asks a server that numbers its entries and lists the last few, at random
// times and over restarts.
func TestJournal(t *testing.T) {
	type entry struct{ seq, value uint64 }
	rapid.Check(t, func(t *rapid.T) {
		j := journal[entry]{ring: ring[entry]{most: 1000}}
		var server []entry
		values, asked, missing := uint64(0), false, uint64(0)
		var want []uint64
		unseen := 0
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "ask", "restart"}).Draw(t, "what") {
			case "write":
				values++
				server = append(server, entry{uint64(len(server) + 1), values})
				unseen++
			case "ask":
				listed := server[max(0, len(server)-5):]
				seen := min(unseen, 5)
				if asked {
					missing += uint64(unseen - seen)
				}
				for _, e := range listed[len(listed)-seen:] {
					want = append(want, e.value)
				}
				j.take(listed, func(e *entry) uint64 { return e.seq })
				asked, unseen = true, 0
			case "restart":
				server, unseen = nil, 0
				j.restart()
			}
		}
		var got []uint64
		for _, e := range j.read(0, 1000).Entries {
			got = append(got, e.value)
		}
		if !slices.Equal(got, want) || j.missed != missing || j.added != uint64(len(want)) {
			t.Errorf("got %v, %d missed; want %v, %d", got, j.missed, want, missing)
		}
	})
}
