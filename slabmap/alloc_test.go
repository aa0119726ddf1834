package slabmap

import (
	"testing"
)

// perRequest is everything that a request may do to the map.
func perRequest(m *Map, page int64) {
	slab := m.SlabOf(page)
	m.BeginWrite(page)
	s, _ := m.Acquire(slab)
	counter, _ := m.NextCounter(page)
	m.EndWrite(page, Written{CRC: 1, Seal: NewSeal(counter, [SealTagSize]byte{1}), Remote: true, Epoch: s.Epoch, Pending: true})
	m.Done(slab, s.Epoch)
	m.EndPending(page, true)
	m.AcquireRead(slab)
	v := m.Look(page)
	m.Same(page, v)
	m.Done(slab, v.RemoteEpoch())
	m.AcquireOld(slab)
	m.Touch(slab, 2)
	m.BeginWrite(page)
	m.AbortWrite(page)
	m.BeginRestore(page, m.Look(page))
	m.EndRestore(page, Restored{Remote: true, Epoch: s.Epoch})
	m.Void(page, m.Look(page), Remote)
	m.Discard(page)
}

func TestNoAllocations(t *testing.T) {
	m, _ := newMap(t, sealed)
	mapped(t, m, 0, 3)
	page := make([]byte, PageSize)
	hot := make([]int, 0, small.Slabs())
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"request", func() { perRequest(m, 9) }},
		{"checksum", func() { Checksum(page) }},
		{"tick", func() { m.Touch(1, 1000); m.Touch(2, 500); m.Tick(1) }},
		{"hot", func() { hot = m.HotSlabs(HotSlab, hot) }},
		{"count", func() { m.Count() }},
		{"cycle", func() {
			e, _ := m.BeginMap(1)
			_ = m.CompleteMap(1, e, 1)
			e, _ = m.Fail(1, e)
			_ = m.Release(1, e)
		}},
	} {
		if n := testing.AllocsPerRun(100, c.do); n != 0 {
			t.Errorf("%s: %g allocations", c.name, n)
		}
	}
	if len(hot) != 2 {
		t.Errorf("hot slabs: %v", hot)
	}
}

func BenchmarkLook(b *testing.B) {
	m, _ := newMap(b, small)
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		m.Look(i & 1023)
	}
}

func BenchmarkWrite(b *testing.B) {
	m, _ := newMap(b, small)
	epoch := mapped(b, m, 0, 3)
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		m.BeginWrite(i & 1023)
		m.EndWrite(i&1023, Written{CRC: 1, Remote: true, Epoch: epoch})
	}
}

func BenchmarkRequest(b *testing.B) {
	m, _ := newMap(b, small)
	mapped(b, m, 0, 3)
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		perRequest(m, i&1023)
	}
}

func BenchmarkAcquireShared(b *testing.B) {
	m, _ := newMap(b, small)
	mapped(b, m, 0, 3)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s, _ := m.Acquire(0)
			m.Done(0, s.Epoch)
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	page := make([]byte, PageSize)
	b.SetBytes(PageSize)
	b.ReportAllocs()
	for b.Loop() {
		Checksum(page)
	}
}
