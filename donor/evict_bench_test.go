package donor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/evict"
)

// BenchmarkEvict takes one slab back from a device that drops it at once, after the donor has
// asked for the activity of E′ other slabs. No operation is in flight, so nothing waits for one.
// It reports the medians of the parts. Choosing and returning depend on round trips alone, so it
// reports them in multiples of an activity check as well. The kernel does the freeing, which
// takes longer for a larger slab.
func BenchmarkEvict(b *testing.B) {
	for _, mib := range []int{4, 16, 64} {
		b.Run(fmt.Sprintf("%dMiB", mib), func(b *testing.B) { benchmarkEvict(b, uint64(mib)<<20) })
	}
}

func benchmarkEvict(b *testing.B, size uint64) {
	const others = evict.DefaultExtra
	cfg := testConfig()
	cfg.Memory, cfg.Ahead, cfg.Unlocked, cfg.Tick, cfg.Timing = (others+1)*int64(size), -1, true, time.Hour, control.Timing{}
	d := lend(b, cfg)
	dialed := dialConfig(control.NewUUID())
	dialed.SlabSize, dialed.Timing = size, control.Timing{}
	device := borrow(b, d, dialed, 0)
	device.activity = func(slab uint32) float64 { return float64(slab) }
	take := func(slab uint32) {
		if _, err := device.s.Map(b.Context(), slab, size, false, ""); err != nil {
			b.Fatal(err)
		}
	}
	for i := range uint32(others) {
		take(i + 1)
	}
	d.mu.Lock()
	peer := d.devices[deviceKey{uuid: dialed.Device}].session.control
	d.mu.Unlock()
	var check, choosing, asking, returning, freeing durations
	for b.Loop() {
		take(0)
		d.ticks.Add(2)
		before := d.Status().Evictions
		time.Sleep(time.Millisecond) // all threads rest, as they do at a donor
		begun := time.Now()
		if _, err := peer.CheckActivity(b.Context(), []uint32{0}); err != nil {
			b.Fatal(err)
		}
		check.add(int64(time.Since(begun)))
		time.Sleep(time.Millisecond)
		d.takeBack(b.Context(), int64(size), false, whyHeadRoom)
		for d.Status().Evictions == before {
			time.Sleep(20 * time.Microsecond)
		}
		e := d.Status().LastEviction
		choosing.add(e.Choosing)
		asking.add(e.Asking)
		returning.add(e.Returning)
		freeing.add(e.Freeing)
	}
	b.ReportMetric(0, "ns/op") // with the Map and the rests: says nothing
	b.ReportMetric(check.median(), "µs/check")
	b.ReportMetric(choosing.median(), "µs/choosing")
	b.ReportMetric(asking.median(), "µs/asking")
	b.ReportMetric(returning.median(), "µs/returning")
	b.ReportMetric(freeing.median(), "µs/freeing")
	b.ReportMetric((choosing.median()+returning.median())/check.median(), "checks/evict")
}

// durations are in ns.
type durations []int64

func (f *durations) add(ns int64) { *f = append(*f, ns) }

// median is in µs.
func (f durations) median() float64 {
	slices.Sort(f)
	return float64(f[len(f)/2]) / 1e3
}
