//go:build vm

package rdma

import (
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
)

// TestReadsDoNotQueueBehindBulk keeps a connection busy with large writes, as
// background work does, and reads pages behind them on the same connection and
// beside them on another: on the other they must not wait in line.
func TestReadsDoNotQueueBehindBulk(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	cfg := verbs.QPConfig{Depth: 32, Timeout: time.Minute}
	bulk, demand := r.connect(t, cfg, nil), r.connect(t, cfg, nil)
	large := r.write(r.local[:arenaSize/2], 0)
	page := r.read(r.local[arenaSize-4096:], regionSize-4096)
	large.ID, page.ID = 1, 2

	const writes, reads = 8, 15
	var c [8]verbs.Completion
	// median is how long a read on qp takes while bulk is kept full.
	median := func(qp verbs.QP) time.Duration {
		var took []time.Duration
		outstanding := 0 // writes
		for range reads {
			for ; outstanding < writes; outstanding++ {
				if err := bulk.Post(&large); err != nil {
					t.Fatal(err)
				}
			}
			bulk.Doorbell()
			begun := time.Now()
			if err := qp.Post(&page); err != nil {
				t.Fatal(err)
			}
			qp.Doorbell()
			r.wait(t, "the read", func() bool {
				done := false
				for _, from := range []verbs.QP{bulk, demand} {
					for _, c := range c[:from.Poll(c[:])] {
						if c.Status != verbs.StatusOK {
							t.Fatal(c.Status, from.Err())
						}
						if c.ID == large.ID {
							outstanding--
						} else {
							done = true
						}
					}
				}
				return done
			})
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		return took[reads/2]
	}
	behind, beside := median(bulk), median(demand)
	t.Logf("a read takes %v behind the writes, %v beside them", behind, beside)
	if 2*beside > behind {
		t.Errorf("a read takes %v beside large writes, %v behind them: it waited for them", beside, behind)
	}
}
