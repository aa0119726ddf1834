package path

import (
	"math/bits"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/readahead"
)

// A queue sees that pages are read at a constant step, and fetches the next ones from their
// donor before the kernel asks for them:
//
//  1. followReader tells the detector of each read, and notes the stream that it is part of.
//  2. Once all requests of a pass have posted their parts, fetchAhead asks the detector how
//     far ahead of each of those streams to fetch. fetch takes a run of the pages that one donor
//     has, and postRun posts its parts, if the link takes them at once: nothing that is fetched
//     ahead waits in line, and nothing is fetched while a request waits for a link or a buffer.
//  3. runArrived takes up what has come.
//  4. takeAhead answers reads from the run. A page that was fetched counts only if nothing has
//     happened to it since, and its bytes have its checksum. So nobody has to tell the runs of
//     writes, moves or lost donors.
//  5. forgetRun frees the run when all its pages are used, or when another one needs its buffer.

// takeAhead copies page into dst, if it was fetched and nothing has happened to it since.
// v is how the page is now. If the page is on its way, takeAhead returns its run.
func (q *queue) takeAhead(page int64, v slabmap.View, dst []byte) (ok bool, coming *run) {
	a := &q.ahead
	i, at := a.find(page)
	if i < 0 {
		return false, nil
	}
	r := &a.runs[i]
	switch {
	case !q.Pages.Same(page, a.viewsOf(i)[at]):
		return false, nil
	case r.coming > 0:
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
	a.detector.Used(1)
	if r.left--; r.left <= 0 {
		q.forgetRun(i)
	}
	return true, nil
}

// followReader notes a read.
func (q *queue) followReader(page int64, pages int) {
	a := &q.ahead
	if !a.on {
		return
	}
	a.clock++
	if stream := a.detector.Read(page, pages); stream != readahead.None {
		a.wanted |= 1 << stream
	}
}

// fetchAhead fetches what comes next in the streams of this pass, unless a request of the pass
// has found no buffer.
func (q *queue) fetchAhead() {
	a := &q.ahead
	wanted, short := a.wanted, a.short
	a.wanted, a.short = 0, false
	if short {
		return
	}
	for ; wanted != 0; wanted &= wanted - 1 {
		q.fetchStream(bits.TrailingZeros(wanted))
	}
}

// fetchStream fetches as much of a stream as the detector wants, or as it can now.
func (q *queue) fetchStream(stream int) {
	d := &q.ahead.detector
	for {
		span, ok := d.Ahead(stream)
		if !ok {
			return
		}
		n := q.fetch(span)
		if n == 0 {
			return
		}
		d.Took(stream, n)
	}
}

// fetch begins to read the first pages of a span, as far as one donor has them. It returns how
// many pages it has dealt with, 0 if it cannot fetch now.
func (q *queue) fetch(span readahead.Span) int {
	v := q.Pages.Look(span.Page)
	if i, _ := q.ahead.find(span.Page); i >= 0 || !q.fetchable(span.Page, v) {
		return 1 // it is there, or no donor can bring it
	}
	slab := q.Pages.SlabOf(span.Page)
	held, ok := q.acquireRead(slab, v)
	if !ok {
		return 0
	}
	n := 0
	if l := q.links[held.Donor]; l.takesMore() {
		n = q.fetchFrom(l, span, slab, held.Epoch)
	}
	if n == 0 {
		q.Pages.Done(slab, held.Epoch)
	}
	return n
}

// fetchFrom begins to read the first pages of a span that lie in slab, in which the run is
// counted from then on.
func (q *queue) fetchFrom(l *link, span readahead.Span, slab int, epoch uint64) int {
	i := q.freeRun()
	if i < 0 {
		return 0
	}
	n := 0
	for n < span.Pages && q.comesWith(span.Page+int64(n)*span.Step, slab, epoch) {
		n++
	}
	buf, ok := 0, n > 0
	if ok {
		buf, ok = q.kernel.TakeSpare()
	}
	if !ok {
		return 0
	}
	// The pages lie in the buffer in ascending order, whatever the reader's direction is.
	r := &q.ahead.runs[i]
	*r = run{buf: buf, first: span.Page, step: span.Step, pages: n, left: n, donor: l.donor, used: q.ahead.clock}
	if span.Step < 0 {
		r.first, r.step = span.Page+int64(n-1)*span.Step, -span.Step
	}
	r.end = r.first + int64(n-1)*r.step + 1
	q.ahead.kept++
	for at := range n {
		q.ahead.viewsOf(i)[at] = q.Pages.Look(r.first + int64(at)*r.step)
	}
	if n = q.postRun(l, i, slab, epoch); n == 0 {
		q.forgetRun(i)
	}
	q.counts.Prefetched += uint64(n)
	q.ahead.detector.Fetched(n)
	return n
}

// comesWith reports whether page can be read together with others of its slab.
func (q *queue) comesWith(page int64, slab int, epoch uint64) bool {
	if q.Pages.SlabOf(page) != slab {
		return false
	}
	v := q.Pages.Look(page)
	return q.fetchable(page, v) && v.RemoteEpoch() == epoch
}

// postRun posts the parts of run i, one for each row of neighbouring pages. It returns how many
// pages it has posted.
func (q *queue) postRun(l *link, i, slab int, epoch uint64) (posted int) {
	r := &q.ahead.runs[i]
	row := r.pages
	if r.step > 1 {
		row = 1
	}
	for posted < r.pages {
		id, p := q.parts.take(prefetch, i, posted, row, r.buf, q.loop.Now())
		p.slab, p.donor, p.epoch, p.page = int32(slab), l.donor, epoch, r.first+int64(posted)*r.step
		if !l.postNow(id) {
			q.parts.release(id)
			r.failed = true // the link is full: forget the run when the rest of it has come
			break
		}
		posted += row
		r.coming++
		q.ahead.coming++
	}
	return posted
}

// runArrived ends a part that has fetched pages of a run.
func (q *queue) runArrived(p *part, ok bool) {
	i := int(p.tag)
	r := &q.ahead.runs[i]
	r.failed = r.failed || !ok
	q.ahead.coming--
	if r.coming--; r.coming > 0 {
		return
	}
	if r.failed {
		q.forgetRun(i)
	}
	q.Pages.Done(int(p.slab), p.epoch)
}
