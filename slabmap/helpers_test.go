package slabmap

import (
	"errors"
	"testing"
)

// small is a device of two full slabs and a short one of one page.
var small = Geometry{Size: 2*MinSlabSize + PageSize, SlabSize: MinSlabSize}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newMap(t fataler, g Geometry) (*Map, []byte) {
	t.Helper()
	mem := make([]byte, MemoryNeeded(g))
	m, err := New(g, mem)
	if err != nil {
		t.Fatalf("New(%+v): %v", g, err)
	}
	return m, mem
}

// mapped takes slab from unmapped to mapped and returns its epoch.
func mapped(t fataler, m *Map, slab int, donor uint16) uint64 {
	t.Helper()
	epoch, err := m.BeginMap(slab)
	if err == nil {
		err = m.CompleteMap(slab, epoch, donor)
	}
	if err != nil {
		t.Fatalf("map slab %d: %v", slab, err)
	}
	return epoch
}

func write(t fataler, m *Map, page int64, w Written) {
	t.Helper()
	if !m.BeginWrite(page) {
		t.Fatalf("page %d is being written", page)
	}
	m.EndWrite(page, w)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func mustBe(t fataler, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	f()
}
