package path

import (
	"cmp"
	"slices"
	"time"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// SlowFor is how long a slow request is remembered.
const SlowFor = time.Minute

const (
	slowSlot  = SlowFor / 10
	slowSlots = 11 // the present one is not full of time yet
)

// Slow is a request that took long.
type Slow struct {
	at    int64 // loop time of its answer
	clock int64 // the same by the time of day, in nanoseconds since 1970
	total int64
	times times
	page  int64
	pages int32
	write bool
}

// slowest keeps the slowest requests of one queue for a minute. It has a slot for each tenth
// of the minute, so the slowest of the whole are among the slowest of the slots. Only the
// slot in which the minute began may have kept older ones instead. It belongs to the queue's
// thread. Nearly every request costs it two comparisons.
type slowest struct {
	slots [slowSlots]slowList
	now   int   // the slot of the present
	until int64 // its end, in loop time
}

// slowList is the slowest requests of a slot, in no order.
type slowList struct {
	n        int
	quickest int // of the list when it is full
	requests [status.MaxSlowest]Slow
}

// answered records a request that took total nanoseconds and is answered now.
func (s *slowest) answered(r *request, now, total int64) {
	if now >= s.until {
		s.now = (s.now + 1) % slowSlots
		s.until = now + int64(slowSlot)
		s.slots[s.now].n = 0
	}
	l := &s.slots[s.now]
	at := l.n
	switch {
	case l.n < len(l.requests):
		l.n++
	case total <= l.requests[l.quickest].total:
		return
	default:
		at = l.quickest
	}
	l.requests[at] = Slow{
		at: now, clock: time.Now().UnixNano(), total: total, times: r.times, page: r.page, pages: int32(r.pages), write: r.op == ublk.OpWrite,
	}
	if l.n < len(l.requests) {
		return
	}
	l.quickest = 0
	for i := range l.requests {
		if l.requests[i].total < l.requests[l.quickest].total {
			l.quickest = i
		}
	}
}

// since appends what was answered at a loop time or later to list.
func (s *slowest) since(at int64, list []Slow) []Slow {
	for i := range s.slots {
		for _, r := range s.slots[i].requests[:s.slots[i].n] {
			if r.at >= at {
				list = append(list, r)
			}
		}
	}
	return list
}

// ReportSlowest returns the slowest of a list as status has them, at most
// status.MaxSlowest, slowest first. It tells a request the same way each time: readers
// recognise a request by its time. slab and donor give a page's slab and a donor's name.
// It reorders list.
func ReportSlowest(list []Slow, slab func(page int64) int, donor func(id uint16) string) []status.SlowPage {
	slices.SortFunc(list, func(a, b Slow) int { return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(b.at, a.at)) })
	var pages []status.SlowPage
	for _, r := range list[:min(len(list), status.MaxSlowest)] {
		p := status.SlowPage{
			At: time.Unix(0, r.clock), Op: status.SourceRead, Page: r.page, Pages: int(r.pages), Slab: slab(r.page),
			Total: r.total, Queued: r.times.queued, Remote: r.times.remote, Backing: r.times.backing, Blame: r.times.blame(r.total),
		}
		if r.write {
			p.Op = status.SourceWrite
		}
		if r.times.remote > 0 {
			p.Donor = donor(r.times.donor)
		}
		pages = append(pages, p)
	}
	return pages
}
