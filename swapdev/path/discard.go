package path

// driveDiscard forgets pages one by one, and waits for those that are being written.
func (q *queue) driveDiscard(tag int) {
	r := &q.requests[tag]
	for r.cursor < r.pages {
		if !q.Pages.Discard(r.page + int64(r.cursor)) {
			q.parkOrFail(tag)
			return
		}
		r.cursor++
	}
	q.complete(tag, 0)
}
