package donor

import (
	"testing"
	"time"

	"farswap/control"
	"farswap/evict"
	"farswap/status"
)

// BenchmarkEvict takes one slab of 64 MiB back from a device that drops it at once,
// E′ others having been asked for their activity: its parts, and what one activity
// check takes.
func BenchmarkEvict(b *testing.B) {
	const big, others = 64 << 20, evict.DefaultExtra
	cfg := testConfig()
	cfg.Memory, cfg.Ahead, cfg.Unlocked, cfg.Tick, cfg.Timing = (others+1)*big, -1, true, time.Hour, control.Timing{}
	d := lend(b, cfg)
	dialed := dialConfig(control.NewUUID())
	dialed.SlabSize, dialed.Timing = big, control.Timing{}
	device := borrow(b, d, dialed, 0)
	device.activity = func(slab uint32) float64 { return float64(slab) }
	take := func(slab uint32) {
		if _, err := device.s.Map(b.Context(), slab, big, false, ""); err != nil {
			b.Fatal(err)
		}
	}
	for i := range uint32(others) {
		take(i + 1)
	}
	var sum status.DonorEviction
	var check time.Duration
	for b.Loop() {
		b.StopTimer()
		take(0)
		d.ticks.Add(2)
		before := d.Status().Evictions
		d.mu.Lock()
		peer := d.devices[dialed.Device].session.control
		d.mu.Unlock()
		begun := time.Now()
		if _, err := peer.CheckActivity(b.Context(), []uint32{0}); err != nil {
			b.Fatal(err)
		}
		check += time.Since(begun)
		b.StartTimer()
		d.takeBack(b.Context(), big, false, whyHeadRoom)
		for d.Status().Evictions == before {
			time.Sleep(20 * time.Microsecond)
		}
		b.StopTimer()
		e := d.Status().LastEviction
		sum.Choosing += e.Choosing
		sum.Asking += e.Asking
		sum.Returning += e.Returning
		sum.Freeing += e.Freeing
		b.StartTimer()
	}
	each := func(n int64) float64 { return float64(n) / float64(b.N) / 1e3 }
	b.ReportMetric(each(int64(check)), "µs/check")
	b.ReportMetric(each(sum.Choosing), "µs/choosing")
	b.ReportMetric(each(sum.Asking), "µs/asking")
	b.ReportMetric(each(sum.Returning), "µs/returning")
	b.ReportMetric(each(sum.Freeing), "µs/freeing")
}
