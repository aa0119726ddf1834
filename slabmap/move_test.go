package slabmap

import "testing"

func move(t *testing.T, m *Map, slab int, epoch uint64, donor uint16) uint64 {
	t.Helper()
	moved, err := m.BeginMove(slab, epoch, donor)
	must(t, err)
	return moved
}

// TestSameAfterAbortAndFail: a slab that fails after an aborted move has the epoch of the move again, and
// what was read from the new donor meanwhile is not corrupt.
func TestSameAfterAbortAndFail(t *testing.T) {
	m, _ := newMap(t, small)
	old := mapped(t, m, 0, 3)
	epoch := move(t, m, 0, old, 4)
	write(t, m, 0, Written{CRC: 1, Remote: true, Epoch: epoch})
	v := m.Look(0)
	_, err := m.AbortMove(0, epoch, 4)
	must(t, err)
	if m.Same(0, v) {
		t.Error("the same after the new donor was lost")
	}
	failed, err := m.Fail(0, old)
	must(t, err)
	if failed != v.Epoch {
		t.Errorf("epoch %d, want that of the move, %d", failed, v.Epoch)
	}
	if m.Same(0, v) {
		t.Error("the same after both donors were lost")
	}
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

// TestNewDonorOfAMoveIsLost takes the slab back to its old donor: what is still there counts, what has moved does
// not, and never will again, though the next move has the same epoch.
func TestNewDonorOfAMoveIsLost(t *testing.T) {
	m, _ := newMap(t, small)
	census := m.NewCensus()
	old := mapped(t, m, 0, 3)
	for page := range int64(4) {
		write(t, m, page, Written{CRC: uint32(page), Remote: true, Epoch: old, Backing: page == 1})
	}
	epoch := move(t, m, 0, old, 4)
	for page := range int64(2) {
		if !m.BeginWrite(page) || !m.EndCopy(page, epoch) {
			t.Fatalf("page %d is not copied", page)
		}
	}
	late, ok := m.Acquire(0) // a write on its way to the new donor
	if !ok || !m.BeginWrite(2) {
		t.Fatal("no late write")
	}
	census.Slab(0)
	_, err := m.AbortMove(0, epoch, 5)
	mustBe(t, err, ErrTransition)
	before, err := m.AbortMove(0, epoch, 4)
	must(t, err)
	if s := m.Slab(0); before != old || s != (Slab{Mapped, 3, old}) {
		t.Fatalf("back at epoch %d: %+v", before, s)
	}
	check := func(page int64, place Place, old, lost bool) {
		t.Helper()
		if v := m.Look(page); v.Place != place || v.Old != old || v.Lost != lost || v.CRC != uint32(page) {
			t.Errorf("page %d: %+v", page, v)
		}
	}
	check(0, None, false, true)
	check(1, Backing, false, false)
	check(3, Remote, false, false)
	if s, ok := m.AcquireRead(0); !ok || s.Donor != 3 || s.Epoch != m.Look(3).RemoteEpoch() {
		t.Errorf("read at %+v, %t", s, ok)
	}
	m.Done(0, old)
	_, err = m.BeginMove(0, old, 4)
	mustBe(t, err, ErrBusy)
	if m.EndCopy(2, epoch) { // as a copy that ends late
		t.Error("a late copy at the lost donor counts")
	}
	m.Done(0, late.Epoch)
	check(2, Remote, false, false)

	again := move(t, m, 0, old, 4)
	if again != epoch {
		t.Errorf("the next move has epoch %d, not %d", again, epoch)
	}
	check(0, None, false, true)
	check(1, Backing, false, false)
	check(2, Remote, true, false)
	if got, want := census.Slab(0), m.CountSlab(0); got != want || got.Lost != 1 {
		t.Errorf("census %+v, want %+v", got, want)
	}
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
