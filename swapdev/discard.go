package swapdev

import "golang.org/x/sys/unix"

// driveDiscard forgets pages one by one; those being written are waited for.
func (q *queue) driveDiscard(tag int) {
	r := &q.requests[tag]
	for r.cursor < r.pages {
		if !q.pages.Discard(r.page + int64(r.cursor)) {
			if q.overdue(r) {
				q.complete(tag, -int32(unix.EIO))
			} else {
				q.park(tag)
			}
			return
		}
		r.cursor++
	}
	q.complete(tag, 0)
}
