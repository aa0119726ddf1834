package swapdev

import (
	"testing"
	"time"

	"github.com/farswap/farswap/internal/allocs"
	"github.com/farswap/farswap/ublk"
)

// inline is a rig whose one queue the calling thread drives itself.
type inline struct {
	*rig
	q    *fakeQueue
	left int
}

func newInline(t testing.TB, o rigOptions) *inline {
	t.Helper()
	o.donors, o.inline = 1, true
	r := &inline{rig: newRig(t, o)}
	r.q = r.queues[0]
	r.q.onDone = func(_ int, res int32) {
		if res < 0 {
			t.Fatalf("request failed: %d", res)
		}
		r.left--
	}
	return r
}

// batch has one page read or written by each of n tags, and waits for all.
func (r *inline) batch(op ublk.Op, page int64, n int) {
	r.left = n
	for tag := range n {
		r.q.server.Serve(tag, ublk.Desc{Op: op, Offset: (page + int64(tag)) * testPage, Length: testPage})
	}
	for r.left > 0 {
		if err := r.q.loop.Pass(time.Second); err != nil {
			r.t.Fatal(err)
		}
	}
}

// warm has slab 0 mapped.
func (r *inline) warm() {
	r.t.Helper()
	r.until("slab 0 is mapped", func() bool {
		r.batch(ublk.OpWrite, 0, r.q.Depth())
		return r.mapped() > 0
	})
	for page := int64(0); page < 512; page += int64(r.q.Depth()) {
		r.batch(ublk.OpWrite, page, r.q.Depth())
	}
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
			r.batch(tt.op, page, r.q.Depth())
			page = (page + 16) % 512
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per %d requests", tt.name, n, r.q.Depth())
		}
	}
	if c := r.engine.queues[0].Counts(); c.RemoteReads == 0 || c.RemoteWrites == 0 {
		t.Errorf("nothing went to the donor: %+v", c)
	}
}

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
				page = (page + 16) % 512
			}
		})
	}
}
