package swapdev

import (
	"testing"
	"time"

	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/memory"
)

// still is a machine whose applications use what they use.
type still memory.Sample

func (s still) Sample() (memory.Sample, error) { return memory.Sample(s), nil }

// TestUnlikeDonorsBalanceTheirMachines has a large and a small machine lend the same
// amount: slabs go where the larger share of the machine is left.
func TestUnlikeDonorsBalanceTheirMachines(t *testing.T) {
	const all = 16 * testSlab // by each, of machines with 64 and with 20 slabs
	totals := []int64{64 * testSlab, 20 * testSlab}
	r := newRig(t, rigOptions{
		donors: 2, queues: 1, memory: all,
		lend: func(i int, c *daemon.Config) {
			c.Sampler = still{Available: totals[i], Total: totals[i]}
			c.HeadRoom, c.Tick = daemon.HeadRoom{Bytes: -1}, time.Hour
		},
		prepare: func(c *Config) { c.Size = 15 * testSlab },
	})
	for slab := range r.engine.pages.Geometry().Slabs() {
		r.heat(slab)
	}
	// Each has one at first, since no donor is asked twice before all have one. After
	// eleven and three more, a fifth of each machine is lent.
	if h := r.engine.holds(); h[0] < 11 || h[0]+h[1] != 15 || h[1] < 3 {
		t.Errorf("the machine of 64 slabs holds %d, that of 20 holds %d", h[0], h[1])
	}
	for i, d := range r.donors {
		if s := r.engine.donors.Get(uint16(i)); d.donor.Status().Memory.Mapped != int64(r.engine.holds()[i])*testSlab {
			t.Errorf("donor %s lends %d bytes", s.Address(), d.donor.Status().Memory.Mapped)
		}
	}
}
