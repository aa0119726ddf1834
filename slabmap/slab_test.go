package slabmap

import (
	"testing"
)

// slabIn brings slab 0 into a state by the shortest way.
func slabIn(t *testing.T, s State) (*Map, uint64) {
	m, _ := newMap(t, small)
	if s == Unmapped {
		return m, 0
	}
	epoch, err := m.BeginMap(0)
	must(t, err)
	if s == Mapping {
		return m, epoch
	}
	must(t, m.CompleteMap(0, epoch, 3))
	if s == Draining {
		must(t, m.BeginDrain(0, epoch))
	}
	if s == Migrating {
		must(t, m.EndMove(0, move(t, m, 0, epoch, 2))) // the donor that it leaves is 2
		epoch = move(t, m, 0, epoch+1, 3)
	}
	if s == Failed {
		epoch, err = m.Fail(0, epoch)
		must(t, err)
	}
	return m, epoch
}

func TestTransitions(t *testing.T) {
	methods := map[string]func(m *Map, epoch uint64) error{
		"BeginMap":    func(m *Map, _ uint64) error { _, err := m.BeginMap(0); return err },
		"CompleteMap": func(m *Map, e uint64) error { return m.CompleteMap(0, e, 3) },
		"AbortMap":    func(m *Map, e uint64) error { return m.AbortMap(0, e) },
		"BeginDrain":  func(m *Map, e uint64) error { return m.BeginDrain(0, e) },
		"BeginMove":   func(m *Map, e uint64) error { _, err := m.BeginMove(0, e, 4); return err },
		"EndMove":     func(m *Map, e uint64) error { return m.EndMove(0, e) },
		"Fail":        func(m *Map, e uint64) error { _, err := m.Fail(0, e); return err },
		"EndDrain":    func(m *Map, e uint64) error { return m.EndDrain(0, e) },
		"Release":     func(m *Map, e uint64) error { return m.Release(0, e) },
	}
	type way struct {
		from   State
		method string
	}
	type result struct {
		to    State
		donor uint16
		step  uint64
	}
	legal := map[way]result{
		{Unmapped, "BeginMap"}:   {Mapping, 0, 1},
		{Mapping, "CompleteMap"}: {Mapped, 3, 0},
		{Mapping, "AbortMap"}:    {Unmapped, 0, 0},
		{Mapped, "BeginDrain"}:   {Draining, 3, 0},
		{Mapped, "Fail"}:         {Failed, 3, 1},
		{Draining, "Fail"}:       {Failed, 3, 1},
		{Mapped, "BeginMove"}:    {Migrating, 4, 1},
		{Migrating, "EndMove"}:   {Mapped, 3, 0},
		{Migrating, "Fail"}:      {Failed, 3, 1},
		{Draining, "EndDrain"}:   {Unmapped, 0, 1},
		{Failed, "Release"}:      {Unmapped, 0, 1},
	}
	for from := range numStates {
		for name, method := range methods {
			t.Run(from.String()+"/"+name, func(t *testing.T) {
				m, epoch := slabIn(t, from)
				before := m.Slab(0)
				if name != "BeginMap" {
					mustBe(t, method(m, epoch-1), ErrTransition)
					mustBe(t, method(m, epoch+1), ErrTransition)
				}
				err := method(m, epoch)
				want, ok := legal[way{from, name}]
				if !ok {
					mustBe(t, err, ErrTransition)
					if m.Slab(0) != before {
						t.Fatalf("refused, but %+v became %+v", before, m.Slab(0))
					}
					return
				}
				must(t, err)
				if got := m.Slab(0); got != (Slab{want.to, want.donor, epoch + want.step}) {
					t.Fatalf("%+v became %+v, want %+v", before, got, want)
				}
				if w := slabWord(m.slabs[0].word.Load()); !w.legal() {
					t.Fatalf("word %#x would be refused by New", uint64(w))
				}
				if m.Slab(1) != (Slab{}) {
					t.Fatal("another slab has changed")
				}
			})
		}
	}
}

func TestAcquireByState(t *testing.T) {
	for s, want := range map[State]struct{ write, read bool }{
		Unmapped: {}, Mapping: {}, Mapped: {true, true}, Migrating: {true, true}, Draining: {false, true}, Failed: {},
	} {
		m, epoch := slabIn(t, s)
		if got, ok := m.Acquire(0); ok != want.write || ok && got != (Slab{s, 3, epoch}) {
			t.Errorf("%s: Acquire = %+v, %t", s, got, ok)
		}
		if got, ok := m.AcquireRead(0); ok != want.read || ok && got != (Slab{s, 3, epoch}) {
			t.Errorf("%s: AcquireRead = %+v, %t", s, got, ok)
		}
		n := 0
		for _, ok := range []bool{want.write, want.read} {
			if ok {
				n++
			}
		}
		if m.InFlight(0) != n {
			t.Errorf("%s: %d in flight, want %d", s, m.InFlight(0), n)
		}
	}
}

func TestBusy(t *testing.T) {
	m, epoch := slabIn(t, Mapped)
	m.Acquire(0)
	must(t, m.BeginDrain(0, epoch))
	mustBe(t, m.EndDrain(0, epoch), ErrBusy)
	failed, err := m.Fail(0, epoch)
	must(t, err)
	mustBe(t, m.Release(0, failed), ErrBusy)
	mustBe(t, m.Release(0, epoch), ErrTransition)
	m.Done(0, epoch)
	must(t, m.Release(0, failed))
	if m.InFlight(0) != 0 {
		t.Fatalf("%d in flight", m.InFlight(0))
	}
	mapped(t, m, 0, 9)
	if s, ok := m.Acquire(0); !ok || s.Donor != 9 {
		t.Fatalf("after mapping again: %+v, %t", s, ok)
	}
}

func TestStateNames(t *testing.T) {
	seen := map[string]bool{}
	for s := range numStates + 1 {
		seen[s.String()] = true
	}
	if len(seen) != int(numStates)+1 || !seen["invalid"] {
		t.Fatalf("names: %v", seen)
	}
}

// TestTagWrap lives through the point where tags begin again, from every tag
// near it, and finds that copies of the lap before stay void.
func TestTagWrap(t *testing.T) {
	for tag := uint64(maxTag - 6); tag <= maxTag; tag++ {
		m, _ := newMap(t, small)
		const lap = 41
		m.slabs[1].word.Store(uint64(packSlab(Unmapped, 0, lap<<tagBits|tag)))
		first, end := small.PageRange(1)
		// Copies of the lap before, under the tags that come next.
		for p := first; p < end; p++ {
			w := pageWord(0xc0ffee)<<crcShift | pageWord(1+(p-first)%50)<<tagShift | flagRemote
			if p%2 == 0 {
				w |= flagBacking
			}
			m.pages[p].Store(uint64(w))
		}
		m.pages[first-1].Store(uint64(7<<tagShift | flagRemote))
		wrapped := false
		for range 20 {
			before := m.Slab(1).Epoch
			epoch := mapped(t, m, 1, 2)
			wrapped = wrapped || epoch>>tagBits > lap
			if epoch <= before || epoch&maxTag == 0 || epoch&maxTag > maxTag-lifeTags {
				t.Fatalf("epoch %#x after %#x", epoch, before)
			}
			if wrapped {
				if n := m.CountSlab(1); n.Remote+n.Both != 0 || n.Lost != (end-first)/2 || n.Backing != (end-first)/2 {
					t.Fatalf("from tag %#x, epoch %#x: %+v", tag, epoch, n)
				}
			}
			failed, err := m.Fail(1, epoch)
			must(t, err)
			must(t, m.Release(1, failed))
		}
		if !wrapped {
			t.Fatalf("from tag %#x: no wrap", tag)
		}
		if pageWord(m.pages[first-1].Load()).tag() != 7 {
			t.Fatal("a page of another slab was swept")
		}
	}
}

func TestEpochWrap(t *testing.T) {
	m, _ := newMap(t, small)
	m.slabs[0].word.Store(uint64(packSlab(Unmapped, 0, epochMask)))
	if epoch := mapped(t, m, 0, 0xffff); epoch != 1 {
		t.Fatalf("epoch %#x", epoch)
	}
	if s := m.Slab(0); s != (Slab{Mapped, 0xffff, 1}) {
		t.Fatalf("%+v", s)
	}
}
