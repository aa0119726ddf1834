package swapdev

import (
	"testing"
	"time"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/ublk"
)

// waitingWrite is a device without a backing file whose only donor has no room. It returns the
// result of a write that waits for a slab.
func waitingWrite(t *testing.T, full *lender, source cluster.Source) (*rig, <-chan int32) {
	t.Helper()
	full.full.Store(true)
	r := newRig(t, rigOptions{source: source, prepare: func(c *Config) {
		c.Donors, c.Backing, c.AcceptLoss = []string{full.address()}, NoBacking, true
		c.Patience = time.Minute
	}})
	r.until("the donor is connected", func() bool { return r.engine.report().Donors[0].State == string(lenders.StateUp) })
	result := make(chan int32, 1)
	go func() { result <- r.queue(0).do(ublk.OpWrite, 0, content(0, 1, 1), testPage) }()
	return r, result
}

// done expects that the write succeeds.
func done(t *testing.T, result <-chan int32) {
	t.Helper()
	select {
	case res := <-result:
		if res != testPage {
			t.Errorf("the write ends with %d", res)
		}
	case <-time.After(30 * time.Second):
		t.Error("the write still waits")
	}
}

// TestWaitingWriteAsksRarely: a donor without room is asked a few times a second, however
// often a write that waits asks for a slab. Once it has room, the write goes on.
func TestWaitingWriteAsksRarely(t *testing.T) {
	l := startLender(t, lenders.TransportTCP)
	r, result := waitingWrite(t, l, nil)
	r.until("the donor was asked", func() bool { return l.asked.Load() > 0 })
	begun, before := time.Now(), l.asked.Load()
	time.Sleep(2 * time.Second)
	asked, took := l.asked.Load()-before, time.Since(begun)
	// Rests double up to 250 ms: four a second, and a few at the beginning.
	if most := int64(10 + 6*took.Seconds()); asked > most {
		t.Errorf("the donor was asked %d times in %v, want %d at most", asked, took, most)
	}
	l.full.Store(false)
	done(t, result)
}

// TestWaitingWriteWaitsForNoStalledDonor: of two donors one does not answer. A write that
// waits for a slab gets it from the other, before the question has failed.
func TestWaitingWriteWaitsForNoStalledDonor(t *testing.T) {
	stalled, well := startLender(t, lenders.TransportTCP), startLender(t, lenders.TransportTCP)
	stalled.name = "stalled"
	goOn := make(chan struct{})
	r := newRig(t, rigOptions{prepare: func(c *Config) {
		c.Donors, c.Backing, c.AcceptLoss = []string{stalled.address(), well.address()}, NoBacking, true
		c.Patience, c.otherDeadline = time.Minute, placement.OtherDeadline
	}})
	t.Cleanup(func() { close(goOn) }) // before the rig closes
	r.until("the donors are connected", func() bool {
		d := r.engine.report().Donors
		return d[0].State == string(lenders.StateUp) && d[1].State == string(lenders.StateUp)
	})
	stalled.stall.Store(&goOn)
	begun := time.Now()
	r.write(0, 0, 1, 1)
	if took := time.Since(begun); took >= placement.AskDeadline {
		t.Errorf("the write took %v, as long as the question to the donor that stalls", took)
	}
	if n := well.asked.Load(); n != 1 {
		t.Errorf("%d slabs were asked of the other donor", n)
	}
}

// TestWaitingWriteGoesToANewDonor: a donor that comes up is asked although another one rests.
func TestWaitingWriteGoesToANewDonor(t *testing.T) {
	source := newListed()
	l := startLender(t, lenders.TransportTCP)
	r, result := waitingWrite(t, l, source)
	r.until("the donor was asked", func() bool { return l.asked.Load() > 3 })
	other := startDonor(t, 4*testSlab)
	r.donors = append(r.donors, other)
	source.set(cluster.Donor{Name: other.cfg.Name, Address: other.address})
	done(t, result)
}
