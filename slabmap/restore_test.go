package slabmap

import "testing"

// TestRestoreKeepsReadersGoing: while a page is restored, reads find its copy and writes wait.
func TestRestoreKeepsReadersGoing(t *testing.T) {
	m, _ := newMap(t, small)
	epoch := mapped(t, m, 0, 3)
	write(t, m, 5, Written{CRC: 9, Remote: true, Epoch: epoch})
	if n := m.Lacking(); n != 1 {
		t.Fatalf("%d pages lack their backing copy", n)
	}
	if !m.BeginRestore(5, m.Look(5)) {
		t.Fatal("the restore does not begin")
	}
	if v := m.Look(5); v.Writing || v.Place != Remote {
		t.Errorf("during the restore: %+v", v)
	}
	if m.BeginWrite(5) || m.Discard(5) || m.BeginRestore(5, m.Look(5)) {
		t.Error("somebody else has claimed the page during the restore")
	}
	if n := m.Lacking(); n != 1 {
		t.Errorf("%d pages lack their backing copy while it is written", n)
	}
	m.EndRestore(5, Restored{Backing: true})
	if v := m.Look(5); v.Place != Remote|Backing || v.Pending || v.CRC != 9 || m.Lacking() != 0 {
		t.Errorf("after the restore: %+v, %d lacking", v, m.Lacking())
	}
}

// TestRestoreOfAChangedPage: what was read before a write is not restored over it.
func TestRestoreOfAChangedPage(t *testing.T) {
	m, _ := newMap(t, small)
	epoch := mapped(t, m, 0, 3)
	w := Written{CRC: 9, Remote: true, Epoch: epoch}
	write(t, m, 5, w)
	v := m.Look(5)
	write(t, m, 5, w)
	if m.BeginRestore(5, v) {
		t.Error("a restore begins from a page that was written since")
	}
	if m.BeginRestore(6, m.Look(6)) {
		t.Error("a restore of a page begins that was never written")
	}
}

// TestRestoreToALostDonor: a copy at a donor that was lost meanwhile does not count.
func TestRestoreToALostDonor(t *testing.T) {
	m, _ := newMap(t, small)
	epoch := mapped(t, m, 0, 3)
	write(t, m, 5, Written{CRC: 9, Backing: true})
	if !m.BeginRestore(5, m.Look(5)) {
		t.Fatal("the restore does not begin")
	}
	failed, err := m.Fail(0, epoch)
	must(t, err)
	m.EndRestore(5, Restored{Remote: true, Epoch: epoch})
	must(t, m.Release(0, failed))
	if v := m.Look(5); v.Place != Backing {
		t.Errorf("%+v", v)
	}
	mustPanic(t, func() { m.EndRestore(5, Restored{}) })
}

// TestVoidKeepsTheOtherCopy: a bad copy is forgotten, but never the last one.
func TestVoidKeepsTheOtherCopy(t *testing.T) {
	for _, bad := range []Place{Remote, Backing} {
		m, _ := newMap(t, small)
		epoch := mapped(t, m, 0, 3)
		write(t, m, 5, Written{CRC: 9, Remote: true, Epoch: epoch, Backing: true})
		if !m.Void(5, m.Look(5), bad) {
			t.Errorf("%v: not void", bad)
		}
		if v := m.Look(5); v.Place != (Remote|Backing)&^bad || v.CRC != 9 {
			t.Errorf("without %v: %+v", bad, v)
		}
		if m.Void(5, m.Look(5), Remote) || m.Void(5, m.Look(5), Backing) {
			t.Errorf("%v: the other copy is void, too", bad)
		}
	}
}
