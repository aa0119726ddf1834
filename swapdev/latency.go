package swapdev

import (
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
)

// latencySource knows how long reads of each donor's memory took. One goroutine uses it.
type latencySource interface {
	// reads are all reads since the device was opened, by donor. Not ok means that
	// some are missing now.
	reads() (sums []loghist.Histogram, ok bool)
}

// linkLatency is what the queues measure (SlowByServer): a read from the moment at which it stands in
// the line for its donor until its bytes are there. Nothing else of the request is in
// it, neither its wait for another page nor the backing file.
type linkLatency struct{ engine *engine }

func newLinkLatency(e *engine) latencySource { return linkLatency{e} }

func (l linkLatency) reads() ([]loghist.Histogram, bool) {
	sums := make([]loghist.Histogram, len(l.engine.donors.all()))
	deadline := time.After(snapshotDeadline)
	for _, q := range l.engine.queues {
		one, done := make([]loghist.Histogram, len(sums)), make(chan struct{})
		if !q.loop.Post(func() { q.reads(one); close(done) }) {
			return nil, false
		}
		select {
		case <-done:
			for i := range sums {
				sums[i].Add(&one[i])
			}
		case <-deadline:
			return nil, false
		case <-l.engine.over:
			return nil, false
		}
	}
	return sums, true
}

// reads copies the reads of each link, on the queue's thread.
func (q *queue) reads(into []loghist.Histogram) {
	for i := range min(len(q.links), len(into)) {
		into[i] = q.links[i].reads
	}
}

// slabLatencies are the latencies of block reads by slab, as the probes in the kernel
// measure them.
type slabLatencies interface {
	// SlabReads adds all reads of a slab since the probes were attached to into.
	SlabReads(slab int, into *loghist.Histogram)
}

// slabLatency (SlowByKernel) takes each slab's block reads for its donor's, if the slab was there all
// the time since it was last looked at, and has every page there. It includes what
// the kernel and the server add, and what the backing file does for pages of a slab
// that are there alone, so those slabs are left out.
type slabLatency struct {
	engine *engine
	probes slabLatencies
	sums   []loghist.Histogram       // by donor
	before map[int]loghist.Histogram // of the slabs that are mapped
	words  map[int]slabmap.Slab
}

func newSlabLatency(e *engine, probes slabLatencies) latencySource {
	return &slabLatency{engine: e, probes: probes, before: make(map[int]loghist.Histogram), words: make(map[int]slabmap.Slab)}
}

func (l *slabLatency) reads() ([]loghist.Histogram, bool) {
	for len(l.sums) < len(l.engine.donors.all()) {
		l.sums = append(l.sums, loghist.Histogram{})
	}
	pages := l.engine.pages
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
