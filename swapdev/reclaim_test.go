package swapdev

import (
	"testing"
	"time"

	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/ublk"
)

// TestKeysThatEndAreClaimedAnew: a donor goes on in another process with sessions and memory, and without the
// keys, as over RDMA. Under random requests nobody sees an error or a wrong page, and no donor is lost.
func TestKeysThatEndAreClaimedAnew(t *testing.T) {
	l := startLender(t, lenders.TransportTCP)
	l.forgets.Store(true)
	p := proxytest.Start(t, l.address())
	r := newRig(t, rigOptions{queues: 2, prepare: func(c *Config) { c.Donors, c.Grace = []string{p.Addr()}, time.Minute }})
	defer r.close()
	r.heat(0, 1, 2)
	if res := r.queue(0).do(ublk.OpDiscard, 0, nil, int(r.cfg.Size)); res != 0 {
		t.Fatalf("discard of all: %d", res)
	}
	h := newHistory(r)
	session, _ := r.engine.donors.Get(0).Session()
	n := h.during(*historyTime, func() {
		for range 5 {
			time.Sleep(50 * time.Millisecond)
			before := r.engine.shared.Keys.Get(0, r.engine.pages.Slab(0).Epoch)
			p.Cut()
			r.until("the slab has another key", func() bool {
				return r.engine.shared.Keys.Get(0, r.engine.pages.Slab(0).Epoch) != before
			})
			r.until("the donor is well", func() bool { return r.engine.report().Donors[0].State == string(lenders.StateUp) })
		}
	})
	s := r.engine.report()
	t.Logf("%d requests: %+v %+v", n, s.Pages, s.IO)
	if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.IO.Failovers != 0 || s.Pages.Lost != 0 || session.Err() != nil {
		t.Errorf("%+v, %v", s.IO, session.Err())
	}
	if held := session.Lapsed(); len(held) < 3 {
		t.Errorf("the donor held %v", held)
	}
}
