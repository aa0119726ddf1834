package path

import "github.com/farswap/farswap/slabmap"

// A queue sees that pages are read in order, and fetches the next ones from their donor
// before the kernel asks for them. A fetched page serves a request only if nothing has
// happened to the page since, and its bytes have its checksum. So nobody has to tell the
// runs of writes, moves or lost donors.

// takeAhead copies page into dst, if it was fetched and nothing has happened to it since.
// v is how the page is now. If the page is on its way, takeAhead returns its run.
func (q *queue) takeAhead(page int64, v slabmap.View, dst []byte) (ok bool, coming *run) {
	a := &q.ahead
	i := a.find(page)
	if i < 0 {
		return false, nil
	}
	r := &a.runs[i]
	at := int(page - r.first)
	switch {
	case !q.Pages.Same(page, a.viewsOf(i)[at]):
		return false, nil
	case r.coming:
		return false, r
	}
	copy(dst, q.kernel.BufferAt(r.buf)[at*slabmap.PageSize:])
	matches := slabmap.Checksum(dst) == v.CRC
	if !matches || !q.opens(page, &v, dst) {
		q.foundBad(page, &v, slabmap.Remote, r.donor, matches)
		q.forgetRun(i) // the request reads the page again: it may be good where it came from
		return false, nil
	}
	r.used = a.clock
	return true, nil
}

// followReader notes a read, and fetches what comes next if the read is part of a stream.
func (q *queue) followReader(page int64, pages int) {
	a := &q.ahead
	if !a.on {
		return
	}
	a.clock++
	end := page + int64(pages)
	s := a.stream(page, pages)
	if s.proof < streamProof {
		s.next = end
		return
	}
	s.next, s.ahead = end, max(s.ahead, end)
	for s.ahead-end < int64(q.perTag) && s.ahead < q.Pages.Geometry().Pages() {
		n := q.fetch(s.ahead, s.size)
		if n == 0 {
			break
		}
		s.ahead += int64(n)
		s.size = min(2*s.size, q.perTag)
	}
}

// fetch begins to read up to limit pages from first on, as far as one donor has them. It
// returns how many pages it has dealt with, 0 if it cannot fetch now.
func (q *queue) fetch(first int64, limit int) int {
	a := &q.ahead
	if i := a.find(first); i >= 0 {
		return int(a.runs[i].first + int64(a.runs[i].pages) - first)
	}
	v := q.Pages.Look(first)
	if !q.fetchable(first, v) {
		return 1
	}
	i, slab := q.freeRun(), q.Pages.SlabOf(first)
	if i < 0 {
		return 0
	}
	held, ok := q.acquireRead(slab, v)
	if !ok {
		return 0
	}
	_, end := q.Pages.Geometry().PageRange(slab)
	limit = int(min(int64(limit), end-first))
	views, n := a.viewsOf(i), 0
	for ; n < limit; n++ {
		page := first + int64(n)
		views[n] = q.Pages.Look(page)
		if !q.fetchable(page, views[n]) || views[n].RemoteEpoch() != held.Epoch {
			break
		}
	}
	buf, ok := 0, n > 0
	if ok {
		buf, ok = q.kernel.TakeSpare()
	}
	if !ok {
		q.Pages.Done(slab, held.Epoch)
		return 0
	}
	a.runs[i] = run{buf: buf, first: first, pages: n, donor: held.Donor, coming: true, used: a.clock}
	a.coming++
	id, part := q.parts.take(prefetch, i, 0, n, buf, q.loop.Now())
	part.slab, part.donor, part.epoch, part.page = int32(slab), held.Donor, held.Epoch, first
	q.links[held.Donor].post(id)
	q.counts.Prefetched += uint64(n)
	return n
}

// freeRun returns a free run, if need be that of longest ago; nobody if all are on their
// way.
func (q *queue) freeRun() int {
	i := q.ahead.idle()
	if i >= 0 && q.ahead.runs[i].pages > 0 {
		q.forgetRun(i)
	}
	return i
}

// forgetRun frees run i, which is not on its way.
func (q *queue) forgetRun(i int) {
	q.kernel.Release(q.ahead.runs[i].buf)
	q.ahead.runs[i] = run{}
}

// takeSpare takes a spare buffer, and if there is none, that of a run.
func (q *queue) takeSpare() (buf int, ok bool) {
	if buf, ok = q.kernel.TakeSpare(); !ok && q.shedRun() {
		buf, ok = q.kernel.TakeSpare()
	}
	return buf, ok
}

// shedRun gives up one buffer for a request that has none, if there is one.
func (q *queue) shedRun() bool {
	for i := range q.ahead.runs {
		if r := &q.ahead.runs[i]; r.pages > 0 && !r.coming {
			q.forgetRun(i)
			return true
		}
	}
	return false
}

// runArrived ends the part that has fetched a run.
func (q *queue) runArrived(p *part, ok bool) {
	i := int(p.tag)
	q.ahead.runs[i].coming = false
	q.ahead.coming--
	if !ok {
		q.forgetRun(i)
	}
	q.Pages.Done(int(p.slab), p.epoch)
}
