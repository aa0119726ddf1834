package slabmap

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	used := func() []byte {
		m, mem := newMap(t, small)
		epoch := mapped(t, m, 0, 3)
		write(t, m, 5, Written{CRC: 1, Remote: true, Epoch: epoch})
		return mem
	}
	set := func(at int, v uint64) []byte {
		mem := used()
		binary.NativeEndian.PutUint64(mem[at:], v)
		return mem
	}
	entries, pages := headerSize, headerSize+small.Slabs()*entrySize
	slabs := func(s State, donor uint16, epoch uint64) []byte {
		return set(entries, uint64(packSlab(s, donor, epoch)))
	}
	for name, mem := range map[string][]byte{
		"none":                     nil,
		"one byte short":           make([]byte, MemoryNeeded(small)-1),
		"odd address":              make([]byte, MemoryNeeded(small)+8)[1:],
		"another version":          set(0, magic+1),
		"another size":             set(8, uint64(small.Size+PageSize)),
		"another slab size":        set(16, uint64(2*small.SlabSize)),
		"dirty without a header":   append(make([]byte, MemoryNeeded(small)-1), 1),
		"dirty header":             append(make([]byte, headerSize-1), append([]byte{1}, make([]byte, MemoryNeeded(small)-headerSize)...)...),
		"no such state":            slabs(numStates, 0, 1),
		"mapped before any epoch":  slabs(Mapped, 1, 0),
		"mapped under tag 0":       slabs(Mapped, 1, 1<<tagBits),
		"unmapped under tag 0":     slabs(Unmapped, 0, 1<<tagBits),
		"mapped at the last tag":   slabs(Mapped, 1, maxTag-1),
		"failed at the last tag":   slabs(Failed, 1, maxTag),
		"failed before any life":   slabs(Failed, 1, 1),
		"unmapped with a donor":    slabs(Unmapped, 1, 1),
		"mapping with a donor":     slabs(Mapping, 1, 1),
		"migrating from nowhere":   slabs(Migrating, 1, 1),
		"activity not a number":    set(entries+32, math.Float64bits(math.NaN())),
		"activity infinite":        set(entries+32, math.Float64bits(math.Inf(1))),
		"activity negative":        set(entries+32, math.Float64bits(-1)),
		"tag without remote":       set(pages, 9<<tagShift|uint64(flagBacking)),
		"checksum without a place": set(pages, 1<<crcShift),
		"pending without a place":  set(pages, uint64(flagPending)),
		"writing and pending":      set(pages, uint64(flagBacking|flagWriting|flagPending)),
	} {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(mem)
			_, err := New(small, mem)
			mustBe(t, err, ErrMemory)
			if !bytes.Equal(mem, before) {
				t.Fatal("the memory was changed")
			}
		})
	}
	_, err := New(Geometry{}, nil)
	mustBe(t, err, ErrGeometry)
}

func TestNewRecovers(t *testing.T) {
	m, mem := newMap(t, small)
	if m.Recovered() || m.Geometry() != small {
		t.Fatal("a new map is recovered, or of another geometry")
	}
	epoch := mapped(t, m, 0, 3)
	write(t, m, 0, Written{CRC: 1, Remote: true, Epoch: epoch, Pending: true})
	write(t, m, 1, Written{CRC: 2, Backing: true})
	m.BeginWrite(1)
	m.Acquire(0)
	m.Touch(0, 50)
	m.Tick(1)
	m.Touch(0, 50)
	_, err := m.BeginMap(1)
	must(t, err)

	m, err = New(small, mem)
	must(t, err)
	if v := m.Look(0); !m.Recovered() || v.Place != Remote || v.Pending || v.CRC != 1 {
		t.Errorf("page 0: %+v", v)
	}
	if v := m.Look(1); v.Place != Backing || v.Writing || v.CRC != 2 {
		t.Errorf("page 1: %+v", v)
	}
	if s := m.Slab(0); s != (Slab{Mapped, 3, epoch}) || m.InFlight(0) != 0 || m.Activity(0) != 10 {
		t.Errorf("slab 0: %+v, %d in flight, activity %g", s, m.InFlight(0), m.Activity(0))
	}
	if s := m.Slab(1); s.State != Unmapped {
		t.Errorf("slab 1: %+v", s)
	}
	m.Tick(1)
	if m.Activity(0) != 8 {
		t.Errorf("page I/Os of the earlier server were counted: activity %g", m.Activity(0))
	}
}

// TestRecoverDuringSweep: a server died while it voided the tags of a lap.
func TestRecoverDuringSweep(t *testing.T) {
	m, mem := newMap(t, small)
	m.pages[0].Store(uint64(2<<tagShift | flagRemote))
	m.slabs[0].word.Store(uint64(packSlab(Mapping, 0, 1<<tagBits|1)))
	m, err := New(small, mem)
	must(t, err)
	if epoch := mapped(t, m, 0, 1); epoch&maxTag != 2 {
		t.Fatalf("epoch %#x", epoch)
	}
	if v := m.Look(0); v.Place != None || !v.Lost {
		t.Fatalf("the copy of the lap before came back: %+v", v)
	}
}

// FuzzNew lays a map over memory in which anything was overwritten.
func FuzzNew(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add(make([]byte, 128), uint64(1))
	m, mem := newMap(f, small)
	epoch := mapped(f, m, 0, 3)
	for p := range int64(40) {
		write(f, m, p, Written{CRC: uint32(p), Remote: p%2 == 0, Epoch: epoch, Backing: p%3 == 0, Pending: p%5 == 0})
	}
	m.BeginWrite(41)
	f.Add(bytes.Clone(mem[:headerSize+3*entrySize+50*wordSize]), uint64(0))
	f.Add(bytes.Clone(mem[:headerSize+3*entrySize+50*wordSize]), uint64(7))
	f.Fuzz(func(t *testing.T, begin []byte, dirt uint64) {
		mem := make([]byte, MemoryNeeded(small))
		copy(mem, begin)
		rng := rand.New(rand.NewPCG(dirt, 0))
		for range dirt % 8 {
			mem[rng.IntN(len(mem))] ^= 1 << rng.IntN(8)
		}
		m, err := New(small, mem)
		if err != nil {
			mustBe(t, err, ErrMemory)
			return
		}
		for p := range small.Pages() {
			v := m.Look(p)
			if v.Writing || v.Pending || v.Lost && v.Zeros() || v.Place&Remote != 0 && !slabWord(m.slabs[m.SlabOf(p)].word.Load()).holds() {
				t.Fatalf("page %d: %+v", p, v)
			}
			write(t, m, p, Written{CRC: 1, Backing: true})
		}
		for i := range small.Slabs() {
			if s := m.Slab(i); s.State == Mapping || m.InFlight(i) != 0 {
				t.Fatalf("slab %d: %+v, %d in flight", i, s, m.InFlight(i))
			}
		}
		m.Tick(1)
		if _, err := New(small, mem); err != nil {
			t.Fatalf("a map that was accepted is refused later: %v", err)
		}
	})
}
