package web

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
)

// apply is what a page does with changes.
func apply(page map[int64][]int64, c *slabChange) {
	for v := c.Values; len(v) > 0; v = v[slabFields:] {
		page[v[0]] = v[1:slabFields]
	}
}

// TestPageHasTheSlabs lets a device's slabs change at random: after each event the page
// has every slab as it is, but for rounding.
func TestPageHasTheSlabs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "slabs")
		slabs := make([]status.Slab, n)
		var m slabMemory
		page := map[int64][]int64{}
		for range rapid.IntRange(1, 10).Draw(t, "events") {
			changed := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, n, rapid.ID).Draw(t, "changed")
			for _, i := range changed {
				slabs[i] = status.Slab{
					State:       rapid.SampledFrom(append([]string{"new-state", ""}, slabStates...)).Draw(t, "state"),
					Donor:       rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "donor"),
					Activity:    rapid.Float64Range(0, 1e6).Draw(t, "activity"),
					RemotePages: rapid.Int64Range(0, 1<<20).Draw(t, "pages"),
					Latency:     status.Quantiles{P99: rapid.Int64Range(0, 1e12).Draw(t, "p99")},
				}
			}
			for i := range slabs {
				slabs[i].Index = i
			}
			c := m.change(slabs, nil)
			if c == nil {
				continue
			}
			if len(c.Values) > slabFields*n || c.Count != n {
				t.Fatalf("%d values for %d slabs", len(c.Values), n)
			}
			apply(page, c)
			for i, s := range slabs {
				v := page[int64(i)]
				donor := ""
				if v[1] >= 0 {
					donor = c.Donors[v[1]]
				}
				state := ""
				if v[0] < int64(len(slabStates)) {
					state = slabStates[v[0]]
				}
				known := s.State != "new-state" && s.State != ""
				if donor != s.Donor || known && state != s.State || !known && state != "" || v[3] != s.RemotePages {
					t.Fatalf("slab %d: page has %v, is %+v", i, v, s)
				}
				if off := math.Abs(float64(v[2])/10 - s.Activity); off > 0.051*s.Activity && off > 0.051 {
					t.Fatalf("slab %d: activity %d tenths, is %g", i, v[2], s.Activity)
				}
				if off := math.Abs(float64(v[4] - s.Latency.P99)); off > 0.0051*float64(s.Latency.P99) {
					t.Fatalf("slab %d: p99 %d, is %d", i, v[4], s.Latency.P99)
				}
			}
		}
		if c := m.change(slabs, nil); c != nil {
			t.Fatalf("sent again: %+v", c)
		}
	})
}

func bigDevice(n int) []status.Slab {
	slabs := make([]status.Slab, n)
	for i := range slabs {
		slabs[i] = status.Slab{
			Index: i, State: "mapped", Donor: fmt.Sprint("mem", i%8), Activity: 1 + float64(i%997)*1.37, RemotePages: int64(i % 16384),
			Pages: 16384, Latency: status.Quantiles{P99: 30_000 + int64(i)*13},
		}
	}
	return slabs
}

// TestBytesOfManySlabs: what a page of a device of 10,000 slabs is sent follows what
// changed, not what there is.
func TestBytesOfManySlabs(t *testing.T) {
	const n = 10_000
	slabs := bigDevice(n)
	var m slabMemory
	size := func() int {
		data, err := json.Marshal(m.change(slabs, nil))
		if err != nil {
			t.Fatal(err)
		}
		return len(data)
	}
	first := size()
	if first > 40*n {
		t.Errorf("all of %d slabs take %d bytes, want at most 40 each", n, first)
	}
	for i := range n {
		slabs[i].Activity *= 0.99 // decays, as it does in every second in which nothing happens
	}
	decay := size()
	for i := range n / 100 {
		slabs[i*100].Activity *= 3
	}
	few := size()
	if few > first/50 {
		t.Errorf("a hundredth of the slabs takes %d bytes, all take %d", few, first)
	}
	if quiet := size(); quiet > len("null") {
		t.Errorf("nothing takes %d bytes", quiet)
	}
	t.Logf("bytes of %d slabs: all %d, a second of decay %d, a hundredth %d", n, first, decay, few)
}

func TestTwoDigits(t *testing.T) {
	for v, want := range map[float64]uint32{0: 0, -1: 0, math.NaN(): 0, 0.4: 0, 1: 1, 12: 12, 123: 120, 126: 130, 99999: 100000, math.Inf(1): 2_100_000_000} {
		if got := twoDigits(v); got != want {
			t.Errorf("%g: got %d, want %d", v, got, want)
		}
	}
}

func TestRounded(t *testing.T) {
	for v, want := range map[int64]int64{0: 0, 7: 7, 999: 999, 1004: 1000, 1005: 1010, 123456: 123000, 999999: 1000000} {
		if got := rounded(v); got != want {
			t.Errorf("%d: got %d, want %d", v, got, want)
		}
	}
}

// TestFirstEventIsBounded: an hour of everything of a device of 10,000 slabs stays within
// what the manual says that an event takes.
func TestFirstEventIsBounded(t *testing.T) {
	cells := []feed.Cell{}
	for row := range 40 { // from a microsecond to a second
		cells = append(cells, feed.Cell{Row: uint8(10 + row), Count: uint32(1 << (row % 20))})
	}
	one := column{feed.Column{
		Seq: 3599, At: time.Now(), Over: time.Second, Count: 123456, Cells: cells,
		Latency: status.Quantiles{P50: 123_456, P99: 12_345_678, P999: 123_456_789},
	}}
	d := detail{Fine: map[string][]column{}, Coarse: map[string][]column{}, Slabs: new(slabMemory).change(bigDevice(10_000), nil)}
	for i := range 10 {
		source := fmt.Sprint("source_", i)
		for range finePoints {
			d.Fine[source] = append(d.Fine[source], one)
		}
		for range feed.MaxPoints / coarsePer {
			d.Coarse[source] = append(d.Coarse[source], one)
		}
	}
	text := strings.Repeat("x", 100)
	for range maxEntries {
		d.Events = append(d.Events, status.Event{Text: text, Donor: "mem1", Kind: "slab-moved", Level: "info"})
		d.Decisions = append(d.Decisions, status.Decision{Why: text, Rule: "slow-donor", Figures: make([]status.DonorFigures, 3)})
	}
	data := mustJSON(d)
	if len(data) > 2<<20 {
		t.Errorf("%d bytes", len(data))
	}
	t.Logf("%d bytes", len(data))
}

// TestDonorsKeepTheirOrder: donors are numbered as the status lists them, not as their slabs
// come.
func TestDonorsKeepTheirOrder(t *testing.T) {
	var m slabMemory
	c := m.change([]status.Slab{{Donor: "b", State: "mapped"}}, []status.Donor{{Name: "a"}, {Name: "b"}, {}})
	if !slices.Equal(c.Donors, []string{"a", "b"}) || c.Values[2] != 1 {
		t.Errorf("%v, slab 0 is on %d", c.Donors, c.Values[2])
	}
}
