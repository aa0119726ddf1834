package path

import (
	"testing"

	"github.com/farswap/farswap/ublk"
)

// BenchmarkMeasuring is what measuring adds to a read of one page from a donor: to
// be compared with BenchmarkDevice of package swapdev.
func BenchmarkMeasuring(b *testing.B) {
	q := &queue{}
	req := request{op: ublk.OpRead, pages: 1}
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		now, took := i*20_000, 20_000+i&0xfff
		req.times.remoteTook(took, 0)
		q.latency[ofRemoteRead].Record(took)
		q.latency[ofRead].Record(took)
		q.slowest.answered(&req, now, took)
	}
}
