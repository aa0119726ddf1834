package swapdev

import "github.com/farswap/farswap/slabmap"

const (
	// prefetchRuns is how many runs of pages a queue keeps, each in a spare buffer: so
	// many writes fewer can be answered while the backing file works.
	prefetchRuns = 8
	// streams is how many readers in order a queue tells apart. Two threads that scan
	// share a queue, and each read of one comes between two of the other: a majority of
	// the last steps, as Leap (ATC 2020) goes by, would see neither.
	streams = 8
	// streamProof is how many requests must follow on one another before pages are
	// fetched ahead of them.
	streamProof = 2
	// prefetchLeast is the pages of a stream's first run; each one has twice as many as
	// the one before, up to a buffer.
	prefetchLeast = 8
)

// prefetcher sees that pages are read in order and fetches the next ones from their
// donor before the kernel asks for them. What it has fetched serves a request only if
// nothing has happened to the page since, and the bytes have its checksum: it need not
// be told of writes. It belongs to its queue.
type prefetcher struct {
	q       *queue
	on      bool
	runs    [prefetchRuns]run
	views   []slabmap.View // by run and page
	streams [streams]stream
	clock   uint64 // counts uses, for who was used least recently
	coming  int    // runs on their way
}

// run is a run of pages in a spare buffer.
type run struct {
	buf    int // valid if pages > 0
	first  int64
	pages  int // 0: free
	donor  uint16
	coming bool
	used   uint64
}

// stream is a reader that goes through the device in order.
type stream struct {
	next  int64 // page after the last request
	ahead int64 // page after what was fetched for it
	proof int   // requests that followed on one another
	size  int   // pages of the next run
	used  uint64
}

func (p *prefetcher) init(q *queue, on bool) {
	p.q, p.on = q, on
	p.views = make([]slabmap.View, prefetchRuns*q.perTag)
}

// viewsOf are the pages of run i as they were when it was fetched.
func (p *prefetcher) viewsOf(i int) []slabmap.View {
	return p.views[i*p.q.perTag : (i+1)*p.q.perTag]
}

// find returns the run with page, nobody if there is none.
func (p *prefetcher) find(page int64) int {
	for i := range p.runs {
		if r := &p.runs[i]; page >= r.first && page < r.first+int64(r.pages) {
			return i
		}
	}
	return int(nobody)
}

// take copies page into dst, if it was fetched and nothing has happened to it since; v is
// how it is now. If it is on its way, it returns the run.
func (p *prefetcher) take(page int64, v slabmap.View, dst []byte) (ok bool, coming *run) {
	i := p.find(page)
	if i < 0 {
		return false, nil
	}
	r := &p.runs[i]
	at := int(page - r.first)
	switch {
	case !p.q.pages.Same(page, p.viewsOf(i)[at]):
		return false, nil
	case r.coming:
		return false, r
	}
	copy(dst, p.q.front.BufferAt(r.buf)[at*slabmap.PageSize:])
	if slabmap.Checksum(dst) != v.CRC {
		p.q.counts.Corrupt++
		p.q.events.corrupt(page, slabmap.Remote, r.donor)
		p.forget(i) // the request reads it again: it may be good where it came from
		return false, nil
	}
	r.used = p.clock
	return true, nil
}

// follow takes a read down, and fetches what comes next if it is part of a stream.
func (p *prefetcher) follow(page int64, pages int) {
	if !p.on {
		return
	}
	p.clock++
	end := page + int64(pages)
	s := p.stream(page, pages)
	if s.proof < streamProof {
		s.next = end
		return
	}
	s.next, s.ahead = end, max(s.ahead, end)
	for s.ahead-end < int64(p.q.perTag) && s.ahead < p.q.pages.Geometry().Pages() {
		n := p.fetch(s.ahead, s.size)
		if n == 0 {
			break
		}
		s.ahead += int64(n)
		s.size = min(2*s.size, p.q.perTag)
	}
}

// stream finds the stream that a request is part of: it begins where the last one has
// ended, or a little later. Otherwise it begins a new one, in the place of the one that
// was not used for longest.
func (p *prefetcher) stream(page int64, pages int) *stream {
	oldest := &p.streams[0]
	for i := range p.streams {
		s := &p.streams[i]
		if s.used > 0 && page >= s.next && page <= s.next+int64(pages) {
			s.proof++
			s.used = p.clock
			return s
		}
		if s.used < oldest.used {
			oldest = s
		}
	}
	*oldest = stream{used: p.clock, size: min(prefetchLeast, p.q.perTag)}
	return oldest
}

// fetch begins to read up to limit pages from first on, as far as one donor has them,
// and returns how many it has dealt with; 0 if it cannot now.
func (p *prefetcher) fetch(first int64, limit int) int {
	q := p.q
	if i := p.find(first); i >= 0 {
		return int(p.runs[i].first + int64(p.runs[i].pages) - first)
	}
	v := q.pages.Look(first)
	if !q.fetchable(first, v) {
		return 1
	}
	i, slab := p.place(), q.pages.SlabOf(first)
	if i < 0 {
		return 0
	}
	held, ok := q.acquireRead(slab, v)
	if !ok {
		return 0
	}
	_, end := q.pages.Geometry().PageRange(slab)
	limit = int(min(int64(limit), end-first))
	views, n := p.viewsOf(i), 0
	for ; n < limit; n++ {
		page := first + int64(n)
		views[n] = q.pages.Look(page)
		if !q.fetchable(page, views[n]) || views[n].RemoteEpoch() != held.Epoch {
			break
		}
	}
	buf, ok := 0, n > 0
	if ok {
		buf, ok = q.front.TakeSpare()
	}
	if !ok {
		q.pages.Done(slab, held.Epoch)
		return 0
	}
	p.runs[i] = run{buf: buf, first: first, pages: n, donor: held.Donor, coming: true, used: p.clock}
	p.coming++
	id, part := q.takePart(prefetch, i, 0, n)
	part.slab, part.donor, part.epoch, part.page, part.buf = int32(slab), held.Donor, held.Epoch, first, int32(buf)
	q.links[held.Donor].post(id)
	q.counts.Prefetched += uint64(n)
	return n
}

// fetchable reports whether page, which is as v says, can be read from a donor now.
func (q *queue) fetchable(page int64, v slabmap.View) bool {
	return !v.Writing && v.Place&slabmap.Remote != 0 && q.reaches(page, v.Old)
}

// place returns a free run, that of longest ago if there is none; nobody if all are on
// their way.
func (p *prefetcher) place() int {
	found := int(nobody)
	for i := range p.runs {
		switch r := &p.runs[i]; {
		case r.pages == 0:
			return i
		case r.coming, found >= 0 && p.runs[found].used <= r.used:
		default:
			found = i
		}
	}
	if found >= 0 {
		p.forget(found)
	}
	return found
}

// forget frees run i, which is not on its way.
func (p *prefetcher) forget(i int) {
	p.q.front.Release(p.runs[i].buf)
	p.runs[i] = run{}
}

// shed gives one buffer up for a write that has none, if there is one.
func (p *prefetcher) shed() bool {
	for i := range p.runs {
		if r := &p.runs[i]; r.pages > 0 && !r.coming {
			p.forget(i)
			return true
		}
	}
	return false
}

// close gives all buffers up; nothing is on its way any more.
func (p *prefetcher) close() {
	for p.shed() {
	}
}

// arrived ends the part that has fetched a run.
func (p *prefetcher) arrived(part *part, ok bool) {
	i := int(part.tag)
	p.runs[i].coming = false
	p.coming--
	if !ok {
		p.forget(i)
	}
}
