package swapdev

import (
	"testing"

	"github.com/farswap/farswap/internal/allocs"
	"github.com/farswap/farswap/ublk"
)

// inline is a rig whose one queue the calling thread drives itself.
type inline struct {
	*rig
	depth int
}

func newInline(t testing.TB, o rigOptions) *inline {
	t.Helper()
	o.donors, o.inline = 1, true
	r := newRig(t, o)
	return &inline{r, r.bench.Queue().Depth()}
}

// batch reads or writes one page by each of n tags, and waits for all.
func (r *inline) batch(op ublk.Op, page int64, n int) {
	res, err := r.bench.Batch(ublk.Desc{Op: op, Offset: page * testPage, Length: testPage}, n)
	if err != nil || res < 0 {
		r.t.Fatalf("request failed: %d, %v", res, err)
	}
}

// warm has slab 0 mapped, and nothing on its way.
func (r *inline) warm() {
	r.t.Helper()
	r.until("slab 0 is mapped", func() bool {
		r.batch(ublk.OpWrite, 0, r.depth)
		return r.mapped() > 0
	})
	for page := int64(0); page < 512; page += int64(r.depth) {
		r.batch(ublk.OpWrite, page, r.depth)
	}
	r.until("the backing file has all, and the buffers are free", func() bool {
		r.batch(ublk.OpRead, 0, 1)
		return r.engine.pages.Count().Remote == 0
	})
}

// TestDataPathAllocatesNothing covers the device and, in the same process, the
// donor, over verbs/tcp.
func TestDataPathAllocatesNothing(t *testing.T) {
	r := newInline(t, rigOptions{})
	r.warm()
	for _, tt := range []struct {
		name string
		op   ublk.Op
	}{{"read", ublk.OpRead}, {"write", ublk.OpWrite}, {"discard", ublk.OpDiscard}} {
		page := int64(0)
		// Pings and the mapper's tick allocate a little each second: many requests
		// per run keep that below one.
		n := allocs.PerRun(2000, func() {
			r.batch(tt.op, page, r.depth)
			page = (page + 16) % 512
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per %d requests", tt.name, n, r.depth)
		}
	}
	if c := r.engine.queues[0].Counts(); c.RemoteReads == 0 || c.RemoteWrites == 0 {
		t.Errorf("nothing went to the donor: %+v", c)
	}
}

// scattered is where the batch after one at page begins. Its steps are never equal, or the
// device would fetch ahead.
func scattered(page int64) int64 { return (page/16*5 + 3) % 32 * 16 }

// BenchmarkDevice reads and writes pages in batches that do not follow on one another.
func BenchmarkDevice(b *testing.B) {
	for _, bb := range []struct {
		name  string
		op    ublk.Op
		depth int
	}{
		{"read4K/depth1", ublk.OpRead, 1},
		{"read4K/depth16", ublk.OpRead, 16},
		{"write4K/depth1", ublk.OpWrite, 1},
		{"write4K/depth16", ublk.OpWrite, 16},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := newInline(b, rigOptions{})
			r.warm()
			b.ReportAllocs()
			b.SetBytes(testPage)
			page := int64(0)
			b.ResetTimer()
			for i := 0; i < b.N; i += bb.depth {
				r.batch(bb.op, page, bb.depth)
				page = scattered(page)
			}
		})
	}
}
