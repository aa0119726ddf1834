package placement

import (
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/path"
)

// LatencySource knows how long reads of each donor's memory took. One goroutine uses it.
type LatencySource interface {
	// Reads are all reads since the device was opened, by donor. Not ok means that some
	// are missing now.
	Reads() (sums []loghist.Histogram, ok bool)
}

// answerDeadline bounds the wait for the queues' threads, which answer between two passes.
const answerDeadline = time.Second

// LinkLatency is what the queues measure: a read from the moment at which it stands in the
// line for its donor until its bytes are there. Nothing else of the request is in it,
// neither its wait for another page nor the backing file.
type LinkLatency struct {
	Queues func() []*path.Queue
	Donors func() int // how many there are
}

// Reads implements LatencySource.
func (l LinkLatency) Reads() ([]loghist.Histogram, bool) {
	return path.SumReads(l.Queues(), l.Donors(), time.After(answerDeadline))
}

// SlabReader has the latencies of block reads by slab, as the probes in the kernel measure
// them.
type SlabReader interface {
	// SlabReads adds all reads of a slab since the probes were attached to into.
	SlabReads(slab int, into *loghist.Histogram)
}

// slabLatency takes each slab's block reads for its donor's, if the slab was at that donor
// all the time since the last look. What the kernel and the server add is in it. A slab
// with pages that only the backing file has is left out.
type slabLatency struct {
	pages  *slabmap.Map
	probes SlabReader
	donors func() int                // how many there are
	sums   []loghist.Histogram       // by donor
	before map[int]loghist.Histogram // of the slabs that are mapped
	words  map[int]slabmap.Slab
}

// NewSlabLatency makes a source of block reads of slabs.
func NewSlabLatency(pages *slabmap.Map, probes SlabReader, donors func() int) LatencySource {
	return &slabLatency{pages: pages, probes: probes, donors: donors, before: make(map[int]loghist.Histogram), words: make(map[int]slabmap.Slab)}
}

// Reads implements LatencySource.
func (l *slabLatency) Reads() ([]loghist.Histogram, bool) {
	for len(l.sums) < l.donors() {
		l.sums = append(l.sums, loghist.Histogram{})
	}
	pages := l.pages
	for i := range pages.Geometry().Slabs() {
		s := pages.Slab(i)
		if s.State != slabmap.Mapped || int(s.Donor) >= len(l.sums) || pages.CountSlab(i).Backing > 0 {
			delete(l.before, i)
			delete(l.words, i)
			continue
		}
		var now loghist.Histogram
		l.probes.SlabReads(i, &now)
		if before := l.before[i]; l.words[i] == s {
			grown := now.Since(&before)
			l.sums[s.Donor].Add(&grown)
		}
		l.before[i], l.words[i] = now, s
	}
	return append([]loghist.Histogram(nil), l.sums...), true
}
