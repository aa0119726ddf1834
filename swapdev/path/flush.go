package path

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/uring"
)

// beginFlush notes what every queue has answered so far.
func (q *queue) beginFlush(tag int) {
	r := &q.requests[tag]
	for i := range q.progress {
		r.target[i] = q.progress[i].next.Load()
	}
}

// driveFlush waits for the backing writes of what was answered before the flush, then
// syncs the file. A flush promises that every written page is in the file, so it fails
// while some page is not there, because its backing write failed or its copy turned out to
// be bad. A sync that fails fails its own flush only: the next one asks the file again.
func (q *queue) driveFlush(tag int) {
	r := &q.requests[tag]
	if q.Backing == nil {
		q.complete(tag, 0)
		return
	}
	for i := range q.progress {
		if q.progress[i].oldest.Load() < r.target[i] {
			q.parkOrFail(tag)
			return
		}
	}
	if q.Pages.Lacking() > 0 {
		q.complete(tag, -int32(unix.EIO))
		return
	}
	id, _ := q.take(syncBacking, tag, 0, 0)
	sqe := q.loop.SQE(q.class, uint64(id))
	sqe.Fsync(backingSlot, true)
	sqe.Flags |= uring.FixedFile
}

// synced answers a flush when the file is synced.
func (q *queue) synced(p *part, ok bool) {
	res := int32(0)
	if !ok {
		res = -int32(unix.EIO)
	}
	q.complete(int(p.tag), res)
}
