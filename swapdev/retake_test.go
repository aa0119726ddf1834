package swapdev

import (
	"errors"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/swapdev/lenders"
)

// TestFailedClaimSaysNoGoodbye: a server that takes a device over tries again when it cannot reach a donor's memory.
// The donor hears no goodbye in between, which would make a lease of the slabs, the first that it takes back.
func TestFailedClaimSaysNoGoodbye(t *testing.T) {
	donor := startLender(t, "tcp")
	w := newWay(t, "tcp")
	w.failFrom = 1
	returned := make(chan bool, 1)
	l := lenders.New(lenders.Config{
		Device: control.NewUUID(), Name: "device", SlabSize: testSlab, Insecure: true, Grace: time.Minute,
		Transports: []*lenders.Transport{w.transport(nil)}, Journal: &journal.Journal{},
		Left:     func(uint16) []lenders.Left { return []lenders.Left{{Slab: 1, Epoch: 1}} },
		Forsaken: func(uint16, lenders.Left) {},
		Lost:     func(uint16) (int, func()) { return 0, func() {} },
		Returned: func(uint16, bool) { returned <- true },
	}, []string{donor.address()})
	l.Retake()
	defer func() {
		l.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	settles(t, "attempts fail", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.connects > 2
	})
	w.mu.Lock()
	w.failFrom = 0
	w.mu.Unlock()
	select {
	case <-returned:
	case <-time.After(time.Minute):
		t.Fatal("the donor is not used")
	}
	donor.mu.Lock()
	defer donor.mu.Unlock()
	if len(donor.ends) < 2 {
		t.Errorf("%d sessions have ended, want those of all attempts that failed", len(donor.ends))
	}
	for _, err := range donor.ends {
		if !errors.Is(err, control.ErrPeerLost) {
			t.Errorf("a session has ended because %v", err)
		}
	}
}
