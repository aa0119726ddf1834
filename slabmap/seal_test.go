package slabmap

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// sealed is small, with sealed pages.
var sealed = Geometry{Size: small.Size, SlabSize: small.SlabSize, Sealed: true}

func TestSealKeepsCounterAndTag(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counter := rapid.Uint64Range(0, MaxCounter).Draw(t, "counter")
		tag := [SealTagSize]byte(rapid.SliceOfN(rapid.Byte(), SealTagSize, SealTagSize).Draw(t, "tag"))
		if s := NewSeal(counter, tag); s.Counter() != counter || s.Tag() != tag {
			t.Fatalf("%d and %x, want %d and %x", s.Counter(), s.Tag(), counter, tag)
		}
	})
}

// TestSealedBudget: 24 bytes a page, with what the slabs take 0.6% of the device.
func TestSealedBudget(t *testing.T) {
	g := Geometry{Size: 1 << 30, SlabSize: DefaultSlabSize}
	plain := MemoryNeeded(g)
	g.Sealed = true
	if n := MemoryNeeded(g) - plain; n != 16*int(g.Pages()) {
		t.Errorf("seals take %d bytes for %d pages", n, g.Pages())
	}
	if n := MemoryNeeded(g); float64(n) > 0.006*float64(g.Size) {
		t.Errorf("%d bytes for a device of %d", n, g.Size)
	}
}

// next claims a page, asks for its counter, and aborts the write.
func next(t *testing.T, m *Map, page int64) (counter uint64, ok bool) {
	t.Helper()
	if !m.BeginWrite(page) {
		t.Fatalf("page %d is being written", page)
	}
	defer m.AbortWrite(page)
	return m.NextCounter(page)
}

// TestAbortedWriteLeavesTheOldSeal: the old content is opened as before, and the counter of the
// write is not given again, to no later server either.
func TestAbortedWriteLeavesTheOldSeal(t *testing.T) {
	m, mem := newMap(t, sealed)
	old := NewSeal(1, [SealTagSize]byte{7})
	write(t, m, 3, Written{CRC: 1, Backing: true, Seal: old})
	last := uint64(1)
	give := func(counter uint64, ok bool) {
		t.Helper()
		if !ok || counter <= last {
			t.Fatalf("counter %d after %d, %t", counter, last, ok)
		}
		last = counter
		if v := m.Look(3); v.Seal != old {
			t.Fatalf("%+v after a write that came to nothing, want %+v", v.Seal, old)
		}
	}
	for range 3 {
		give(next(t, m, 3))
	}
	for range 3 {
		m.BeginWrite(3)
		give(m.NextCounter(3))
		var err error
		m, err = New(sealed, mem) // the server has died
		must(t, err)
	}
	give(next(t, m, 3))
	if !m.Discard(3) {
		t.Fatal("no discard")
	}
	if counter, _ := next(t, m, 3); counter <= last {
		t.Errorf("counter %d after a discard, %d was the last", counter, last)
	}
}

// TestCounterEnds: it does not begin anew, and other pages go on.
func TestCounterEnds(t *testing.T) {
	m, _ := newMap(t, sealed)
	write(t, m, 3, Written{CRC: 1, Backing: true, Seal: NewSeal(MaxCounter-1, [SealTagSize]byte{})})
	if counter, ok := next(t, m, 4); !ok || counter != 1 {
		t.Errorf("another page: counter %d, %t", counter, ok)
	}
	m.BeginWrite(3)
	counter, ok := m.NextCounter(3)
	if !ok || counter != MaxCounter {
		t.Fatalf("counter %d, %t", counter, ok)
	}
	m.EndWrite(3, Written{CRC: 1, Backing: true, Seal: NewSeal(counter, [SealTagSize]byte{})})
	for range 2 {
		if counter, ok := next(t, m, 3); ok {
			t.Fatalf("counter %d after the last", counter)
		}
	}
	if !m.Discard(3) {
		t.Fatal("no discard")
	}
	if counter, ok := next(t, m, 3); ok {
		t.Errorf("counter %d after the last and a discard", counter)
	}
	if counter, ok := next(t, m, 4); !ok {
		t.Errorf("another page has no counter any more: %d", counter)
	}
}

// TestCounterNeverGoesBack: a caller that records an old Seal would have a counter used twice.
func TestCounterNeverGoesBack(t *testing.T) {
	m, _ := newMap(t, sealed)
	write(t, m, 3, Written{CRC: 1, Backing: true, Seal: NewSeal(2, [SealTagSize]byte{})})
	m.BeginWrite(3)
	mustPanic(t, func() { m.EndWrite(3, Written{CRC: 1, Backing: true, Seal: NewSeal(1, [SealTagSize]byte{})}) })
	mustPanic(t, func() { m.EndWrite(3, Written{CRC: 1, Backing: true}) })
	m.EndWrite(3, Written{CRC: 1, Backing: true, Seal: NewSeal(2, [SealTagSize]byte{})}) // the mover, of the same content
}

// TestNewSealsAsBefore: a map of one kind is not taken for one of the other, and a floor that no
// server has left is refused.
func TestNewSealsAsBefore(t *testing.T) {
	_, mem := newMap(t, sealed)
	if _, err := New(sealed, mem); err != nil {
		t.Fatal(err)
	}
	_, err := New(small, mem)
	mustBe(t, err, ErrMemory)
	floor := headerSize + entrySize - 8
	binary.NativeEndian.PutUint64(mem[floor:], MaxCounter+1)
	_, err = New(sealed, mem)
	mustBe(t, err, ErrMemory)
	_, plain := newMap(t, small)
	_, err = New(sealed, append(plain, make([]byte, MemoryNeeded(sealed))...))
	mustBe(t, err, ErrMemory)
	binary.NativeEndian.PutUint64(plain[floor:], 1)
	_, err = New(small, plain)
	mustBe(t, err, ErrMemory)
}
