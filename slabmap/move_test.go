package slabmap

import "testing"

func move(t *testing.T, m *Map, slab int, epoch uint64, donor uint16) uint64 {
	t.Helper()
	moved, err := m.BeginMove(slab, epoch, donor)
	must(t, err)
	return moved
}

// TestMoveOfPages follows pages of each kind through a move.
func TestMoveOfPages(t *testing.T) {
	m, _ := newMap(t, small)
	old := mapped(t, m, 0, 3)
	for page, w := range []Written{
		{CRC: 1, Remote: true, Epoch: old},
		{CRC: 2, Remote: true, Epoch: old, Backing: true},
		{CRC: 3, Backing: true},
	} {
		write(t, m, int64(page), w)
	}
	// A write on its way to the old donor, which ends after the move has begun.
	late, ok := m.Acquire(0)
	if !ok || !m.BeginWrite(3) {
		t.Fatal("no late write")
	}
	epoch := move(t, m, 0, old, 4)
	m.EndWrite(3, Written{CRC: 4, Remote: true, Epoch: late.Epoch})

	check := func(page int64, place Place, crc uint32, atOld bool) {
		t.Helper()
		if v := m.Look(page); v.Place != place || v.CRC != crc || v.Old != atOld || v.Lost {
			t.Errorf("page %d: %+v", page, v)
		}
	}
	check(0, Remote, 1, true)
	check(1, Remote|Backing, 2, true)
	check(2, Backing, 3, false)
	check(3, Remote, 4, true)
	if donor, ok := m.OldDonor(0); !ok || donor != 3 {
		t.Errorf("old donor %d, %t", donor, ok)
	}
	if m.InFlightUnder(0, old) != 1 || m.InFlightUnder(0, epoch) != 0 {
		t.Errorf("in flight: %d old, %d new", m.InFlightUnder(0, old), m.InFlightUnder(0, epoch))
	}
	m.Done(0, late.Epoch)

	// Reads go where the page is, the mover copies, a write goes to the new donor.
	if s, ok := m.AcquireOld(0); !ok || s.Donor != 3 || s.Epoch != m.Look(0).RemoteEpoch() {
		t.Errorf("old end: %+v, %t", s, ok)
	}
	write(t, m, 0, Written{CRC: 1, Remote: true, Epoch: epoch})
	check(0, Remote, 1, false)
	s, ok := m.Acquire(0)
	if !ok || s.Donor != 4 || s.Epoch != epoch {
		t.Errorf("new end: %+v, %t", s, ok)
	}
	write(t, m, 1, Written{CRC: 5, Remote: true, Epoch: s.Epoch, Backing: true})
	m.Done(0, s.Epoch)
	check(1, Remote|Backing, 5, false)

	must(t, m.EndMove(0, epoch))
	if v := m.Look(3); !v.Lost || v.Place != None {
		t.Errorf("a page that was left behind: %+v", v)
	}
	if _, ok := m.AcquireOld(0); ok {
		t.Error("the old donor is read after the move")
	}
	_, err := m.BeginMove(0, epoch, 5)
	mustBe(t, err, ErrBusy)
	m.Done(0, old)
	move(t, m, 0, epoch, 5)
}

func TestFailWhileMoving(t *testing.T) {
	m, _ := newMap(t, small)
	old := mapped(t, m, 0, 3)
	write(t, m, 0, Written{CRC: 1, Remote: true, Epoch: old, Backing: true})
	write(t, m, 1, Written{CRC: 2, Remote: true, Epoch: old, Backing: true})
	epoch := move(t, m, 0, old, 4)
	write(t, m, 0, Written{CRC: 1, Remote: true, Epoch: epoch, Backing: true})
	m.AcquireOld(0)
	failed, err := m.Fail(0, epoch)
	must(t, err)
	for page := range int64(2) {
		if v := m.Look(page); v.Place != Backing {
			t.Errorf("page %d: %+v", page, v)
		}
	}
	mustBe(t, m.EndMove(0, epoch), ErrTransition)
	mustBe(t, m.Release(0, failed), ErrBusy)
	m.Done(0, old)
	must(t, m.Release(0, failed))
}

// TestMovesEndBeforeTagsDo: a move leaves room for the tags that its slab needs to
// be given up.
func TestMovesEndBeforeTagsDo(t *testing.T) {
	m, _ := newMap(t, small)
	m.slabs[0].word.Store(uint64(packSlab(Mapped, 3, maxTag-lifeTags-1)))
	epoch := move(t, m, 0, maxTag-lifeTags-1, 4)
	must(t, m.EndMove(0, epoch))
	_, err := m.BeginMove(0, epoch, 5)
	mustBe(t, err, ErrTransition)
	failed, err := m.Fail(0, epoch)
	must(t, err)
	must(t, m.Release(0, failed))
	if epoch, err = m.BeginMap(0); err != nil || epoch&maxTag != 1 {
		t.Errorf("mapped anew at epoch %#x: %v", epoch, err)
	}
}
