package swapdev

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs/faulty"
)

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
		r.settle(first+7, 3) // or the backing file is read
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
	if len(n) != 6 || n[status.SourceRead] != d.IO.Reads || n[status.SourceWrite] != d.IO.Writes {
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
