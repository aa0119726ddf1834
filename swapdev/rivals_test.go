package swapdev

import (
	"testing"
	"time"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
)

// TestTwoServersOfOneDevice: a server whose device has another one, as that of a virtual machine that was copied,
// leaves the donor to it, and says so once. They do not end each other's sessions in turn.
func TestTwoServersOfOneDevice(t *testing.T) {
	var log logged
	first := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.Log = log.logger() }})
	first.heat(0, 1)
	second := newRig(t, rigOptions{alike: first, prepare: func(c *Config) { c.Donors = first.cfg.Donors }})
	defer second.close() // before its donor ends
	first.until("the first has left the donor", func() bool {
		return len(log.lines("another server of this device uses the donor")) == 1
	})
	second.heat(0, 1)
	second.write(0, 3, 7, 1)
	session, ok := second.engine.donors.Get(0).Up()
	if !ok {
		t.Fatal("the second does not have the donor")
	}
	time.Sleep(3 * lenders.RetryFirst) // a server that had lost a donor would have dialled it
	if now, ok := second.engine.donors.Get(0).Up(); !ok || now != session || session.Err() != nil {
		t.Errorf("the second has another session: %v", session.Err())
	}
	second.read(0, 3, 7, 1)
	first.read(0, 0, 1, 1) // from its backing file
	d := first.engine.report().Donors[0]
	if d.State != string(lenders.StateDown) || d.Slabs != 0 || d.Error == "" {
		t.Errorf("the first says of the donor %+v", d)
	}
	told := 0
	for _, e := range first.engine.journal.Last() {
		if e.Kind == status.EventDonorUnusable {
			told++
		}
	}
	if told != 1 || len(log.lines("another server")) != 2 { // the line about the loss has it as the reason
		t.Errorf("told by %d events: %q", told, log.lines("another server"))
	}
}
