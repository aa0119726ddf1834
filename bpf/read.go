package bpf

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/farswap/farswap/internal/loghist"
)

// histogram is struct histogram of probes.c.
type histogram struct {
	Sum    uint64
	Counts [loghist.Buckets]uint64
}

func (h *histogram) addTo(l *loghist.Histogram) {
	l.Sum += h.Sum
	for i, c := range h.Counts {
		l.Counts[i] += c
	}
}

// counters is struct counters of probes.c.
type counters struct{ MajorFaults, ReadAhead, Lost uint64 }

// Snapshot is what was counted since Open.
type Snapshot struct {
	// Latency has the sources that are not missing. Its histograms are the caller's.
	Latency map[Source]*loghist.Histogram
	Cgroups []Cgroup // that faulted, in no order

	MajorFaults uint64 // faults that had to read
	ReadAhead   uint64 // pages that they read beside their own
	Lost        uint64 // durations that are in no histogram, at most
}

// Read sums what all CPUs have counted. Its cost grows with CPUs and control groups,
// not with slabs: some 20 system calls.
func (p *Probes) Read() (Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return Snapshot{}, fmt.Errorf("read probes: %w", os.ErrClosed)
	}
	s := Snapshot{Latency: map[Source]*loghist.Histogram{}}
	var perCPU []histogram
	for i, source := range Sources {
		if p.misses(source) {
			continue
		}
		if err := p.maps[objectsMapHistograms].Lookup(uint32(i), &perCPU); err != nil {
			return Snapshot{}, fmt.Errorf("read histogram %s: %w", source, err)
		}
		sum := &loghist.Histogram{}
		for c := range perCPU {
			perCPU[c].addTo(sum)
		}
		s.Latency[source] = sum
	}
	var counted []counters
	if err := p.maps[objectsMapCounts].Lookup(uint32(0), &counted); err != nil {
		return Snapshot{}, fmt.Errorf("read counters: %w", err)
	}
	for _, c := range counted {
		s.MajorFaults += c.MajorFaults
		s.ReadAhead += c.ReadAhead
		s.Lost += c.Lost
	}
	for _, program := range p.programs {
		if stats, err := program.Stats(); err == nil {
			s.Lost += stats.RecursionMisses
		}
	}
	var err error
	s.Cgroups, err = p.readCgroups()
	return s, err
}

func (p *Probes) misses(s Source) bool {
	for _, m := range p.cover.missing {
		if m.Source == s {
			return true
		}
	}
	return false
}

// slabBytes is struct slab_histogram of probes.c: the sum, a count of 32 bits for each
// bucket, made up to 8 bytes.
const slabBytes = 8 + (loghist.Buckets*4+7)/8*8

// SlabReads adds the block reads of slab i since Open to a histogram, [Probes.SlabWrites]
// its writes. It reads mapped memory and makes no system call. Nothing is added for
// a slab that is not there, and after Close.
func (p *Probes) SlabReads(i int, into *loghist.Histogram) { p.addSlab(2*i, into) }

// SlabWrites is like SlabReads.
func (p *Probes) SlabWrites(i int, into *loghist.Histogram) { p.addSlab(2*i+1, into) }

func (p *Probes) addSlab(entry int, into *loghist.Histogram) {
	p.mu.Lock()
	slabs := p.slabs
	p.mu.Unlock()
	if slabs == nil || entry < 0 || entry >= 2*p.config.slabs() {
		return
	}
	var b [slabBytes]byte
	if n, err := slabs.ReadAt(b[:], int64(entry)*slabBytes); err != nil || n != slabBytes {
		return
	}
	into.Sum += binary.LittleEndian.Uint64(b[:])
	for bucket := range into.Counts {
		into.Counts[bucket] += uint64(binary.LittleEndian.Uint32(b[8+4*bucket:]))
	}
}
