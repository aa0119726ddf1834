package swapdev

import (
	"context"
	"testing"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

// key is the key of a slab's memory at a donor.
func (r *rig) key(slab int, donor uint16) verbs.Key {
	return placement.Key(r.engine.pages, r.engine.shared.Keys, slab, donor)
}

// TestOldOrderSparesANewMapping tries an order again that was carried out, when the
// same donor has lent memory for the same slab anew.
func TestOldOrderSparesANewMapping(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 1})
	r.heat(0)
	m, before := r.engine.moves, r.engine.pages.Slab(0)
	old := r.key(0, 0) ^ 1
	m.HandBack(0, 0, old)
	r.until("the order is done", func() bool { return m.Pending() == 0 })
	if s := r.engine.pages.Slab(0); s != before || r.donors[0].donor.Status().Memory.Mapped != testSlab {
		t.Errorf("the slab was %+v and is %+v", before, s)
	}
	r.write(0, 0, 2, 1)
	r.read(0, 0, 2, 1)
	if s := r.engine.report(); s.IO.Failovers != 0 || s.Moves.Dropped != 0 {
		t.Errorf("%+v %+v", s.IO, s.Moves)
	}
	// An order about what is there now is another one.
	m.HandBack(0, 0, old)
	m.Order(0, []uint32{0}, false)
	r.until("it is carried out", func() bool { return r.engine.report().Moves.Dropped == 1 })
}

// TestLateUnmap has a donor take back a slab so slowly that the device gives up
// waiting, maps the slab there anew, and then asks again: what was mapped anew stays.
func TestLateUnmap(t *testing.T) {
	l := startLender(t, lenders.TransportTCP)
	held := make(chan struct{}) // until this is closed the donor takes nothing back
	unmaps := make(chan control.Unmap, 4)
	l.before = func(req *control.Unmap) {
		unmaps <- *req
		<-held
	}
	r := newRig(t, rigOptions{queues: 1, prepare: func(c *Config) { c.Donors = []string{l.address()} }})
	r.heat(0)
	r.engine.moves.Order(0, []uint32{0}, false)
	first := <-unmaps
	r.until("the device waits no more", func() bool { return r.kinds()[status.EventSlabKept] > 0 })
	close(held)
	r.until("the slab is mapped anew", func() bool {
		r.write(0, 0, 2, 1)
		return r.engine.pages.Slab(0).State == slabmap.Mapped
	})
	again := <-unmaps
	if key := uint64(r.key(0, 0)); first.Key == 0 || again.Key != first.Key || again.Key == key {
		t.Errorf("Unmap by %x, then by %x, while the slab has %x", first.Key, again.Key, key)
	}
	// An answer to what came after shows that the Unmap is over.
	s, _ := r.engine.donors.Get(0).Up()
	if _, err := s.QueryMem(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := r.engine.report().IO
	r.write(0, 1, 3, 1)
	r.read(0, 1, 3, 1)
	s2 := r.engine.report()
	if s2.IO.RemoteWrites == before.RemoteWrites || s2.IO.Failovers != 0 || s2.IO.Errors != 0 || s2.Moves.Dropped != 1 {
		t.Errorf("%+v %+v", s2.IO, s2.Moves)
	}
}

// TestHandBackOfWhatTheMapDoesNotHave has an order give back what was lent for a move
// that came to nothing.
func TestHandBackOfWhatTheMapDoesNotHave(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 1})
	r.heat(0)
	s, _ := r.engine.donors.Get(0).Up()
	info, err := s.Map(t.Context(), 5, testSlab, false, lenders.TransportTCP)
	if err != nil {
		t.Fatal(err)
	}
	r.engine.moves.HandBack(5, 0, verbs.Key(info.Key))
	r.until("the donor has it back", func() bool { return r.donors[0].donor.Status().Memory.Mapped == testSlab })
}
