package swapdev

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs/faulty"
)

// TestSlowestOfTheLastMinute holds the ring against a list of all requests.
func TestSlowestOfTheLastMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slowest
		var all []slowRequest
		now := rapid.Int64Range(0, 1<<40).Draw(t, "begin")
		for range rapid.IntRange(1, 40).Draw(t, "bursts") {
			now += rapid.Int64Range(0, int64(slowFor)/4).Draw(t, "pause")
			for range rapid.IntRange(1, 60).Draw(t, "burst") {
				now += rapid.Int64Range(0, int64(time.Millisecond)).Draw(t, "step")
				took := rapid.Int64Range(0, 1000).Draw(t, "took")
				s.answered(&request{op: ublk.OpRead, pages: 1}, now, took)
				all = append(all, slowRequest{at: now, total: took})
			}
		}
		longest := func(list []slowRequest) []int64 {
			slices.SortFunc(list, func(a, b slowRequest) int { return cmp.Compare(b.total, a.total) })
			var totals []int64
			for _, r := range list[:min(len(list), status.MaxSlowest)] {
				totals = append(totals, r.total)
			}
			return totals
		}
		// The slot in which the minute begins may have kept what is older instead. Of the
		// rest none may be missing, unless enough that are kept took longer.
		got, sure := s.since(now-int64(slowFor), nil), now-int64(slowFor)+int64(slowSlot)
		want := slices.DeleteFunc(slices.Clone(got), func(r slowRequest) bool { return r.at >= sure })
		for _, r := range all {
			if r.at >= sure {
				want = append(want, r)
			}
		}
		if got, want := longest(got), longest(want); !slices.Equal(got, want) {
			t.Fatalf("got %d\nwant %d", got, want)
		}
		for _, r := range s.since(now-int64(slowFor), nil) {
			if now-r.at > int64(slowFor) {
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

// TestSlowDonorIsBlamed has a donor that answers late.
func TestSlowDonorIsBlamed(t *testing.T) {
	r, device := newFaultyRig(t, rigOptions{donors: 1, queues: 2})
	r.heat(1)
	first, _ := r.engine.pages.Geometry().PageRange(1)
	r.write(0, first+7, 1, 3)
	device.SetPlan(faulty.Plan{Delay: 1, DelayMax: 100 * time.Millisecond})
	before := time.Now()
	for range 8 {
		r.write(1, first+7, 1, 3)
		r.read(0, first+7, 1, 3)
	}
	slowest := r.engine.report().Slowest
	if len(slowest) < 8 || len(slowest) > status.MaxSlowest {
		t.Fatalf("%d requests", len(slowest))
	}
	if !slices.IsSortedFunc(slowest, func(a, b status.SlowPage) int { return cmp.Compare(b.Total, a.Total) }) {
		t.Errorf("not in order: %+v", slowest)
	}
	i := slices.IndexFunc(slowest, func(p status.SlowPage) bool {
		return p.Op == status.SourceRead && p.Page == first+7 && p.Pages == 3 && p.Slab == 1 && p.Donor == r.donors[0].cfg.Name &&
			p.Blame == status.BlameDonor && p.Remote > p.Total/2 && p.At.After(before) && !p.At.After(time.Now())
	})
	if i < 0 {
		t.Errorf("no read that the donor is to blame for: %+v", slowest)
	}
}

// TestSlowPageIsTheSameInEveryReport: by its time, too, or what shows it takes it for another
// one.
func TestSlowPageIsTheSameInEveryReport(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	for i := range int64(6) {
		r.write(int(i), i, 1, 1)
		r.read(int(i), i, 1, 1)
	}
	first := r.engine.report().Slowest
	time.Sleep(2 * time.Millisecond) // the clocks go on
	if again := r.engine.report().Slowest; len(first) != 12 || !slices.Equal(first, again) {
		t.Errorf("%d requests\n%+v\nand then\n%+v", len(first), first, again)
	}
}

// TestWaitIsTheServers has a request wait for a page in use.
func TestWaitIsTheServers(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.HotThreshold = 1e9 }})
	r.write(0, 5, 1, 1)
	if !r.engine.pages.BeginWrite(5) {
		t.Fatal("the page is in use")
	}
	time.AfterFunc(300*time.Millisecond, func() { r.engine.pages.AbortWrite(5) })
	r.read(0, 5, 1, 1)
	p := r.engine.report().Slowest[0]
	if p.Op != status.SourceRead || p.Page != 5 || p.Blame != status.BlameServer || p.Queued < p.Total/2 || p.Donor != "" {
		t.Errorf("%+v", p)
	}
}

// TestHistogramsBySource counts what there must be of each.
func TestHistogramsBySource(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	r.heat(0)
	per := int64(testSlab / testPage)
	for i := range int64(50) {
		r.write(int(i), i, 1, 2)
		r.read(int(i), i, 1, 1)
		r.write(int(i), 3*per+i, 1, 1) // of a slab that may be nobody's yet
		r.read(int(i), 3*per+i, 1, 1)
	}
	if res := r.queue(0).do(ublk.OpFlush, 0, nil, 0); res != 0 {
		t.Fatal(res)
	}
	d := r.engine.report()
	n := map[string]uint64{}
	for _, h := range d.Histograms {
		n[h.Source] = h.Latency.Count()
		if h.Latency.Count() > 0 && h.Latency.Sum == 0 {
			t.Errorf("%s: %d that took no time", h.Source, h.Latency.Count())
		}
	}
	if len(n) != len(sourceNames) || n[status.SourceRead] != d.IO.Reads || n[status.SourceWrite] != d.IO.Writes {
		t.Errorf("%v of %+v", n, d.IO)
	}
	// Each read here is of one part, and the backing file gets each write as one.
	if n[status.SourceRemoteRead] != d.IO.RemoteReads || n[status.SourceBackingRead] != d.IO.BackingReads || n[status.SourceBackingWrite] != d.IO.Writes {
		t.Errorf("%v of %+v", n, d.IO)
	}
	if n[status.SourceRemoteWrite] < 50 || n[status.SourceRemoteWrite] > d.IO.Writes {
		t.Errorf("%v of %+v", n, d.IO)
	}
	donor := d.Donors[0]
	if d.Latency.Read.P50 == 0 || donor.Latency.P99 == 0 || donor.Total != 16*testSlab || d.Slabs[0].Pages != per || d.Slabs[6].Pages != 5 {
		t.Errorf("%+v, %+v, slabs %+v", d.Latency, donor, d.Slabs)
	}
}
