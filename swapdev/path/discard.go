package path

// driveDiscard forgets pages one by one, and waits for those that are being written.
func (q *queue) driveDiscard(tag int) {
	r := &q.requests[tag]
	for r.cursor < r.pages {
		page := r.page + int64(r.cursor)
		if !q.Pages.Discard(page) {
			q.waitsFor(r, page)
			q.parkOrFail(tag)
			return
		}
		r.cursor++
		r.since = q.loop.Now()
	}
	q.complete(tag, 0)
}
