package path

import "github.com/farswap/farswap/slabmap"

// linkTo is this queue's link to the donor of page, nil if it is not ready. With old, it is
// the donor that the page's slab is moving away from.
func (q *queue) linkTo(page int64, old bool) *link {
	slab := q.Pages.SlabOf(page)
	donor := q.Pages.Slab(slab).Donor
	if old {
		var ok bool
		if donor, ok = q.Pages.OldDonor(slab); !ok {
			return nil
		}
	}
	if l := q.links[donor]; l.ready() {
		return l
	}
	return nil
}

// wantsRemote reports whether page is to be read from its donor. elsewhere says that another
// copy is there, for which a donor that is late is passed over.
func (q *queue) wantsRemote(page int64, old, elsewhere bool) bool {
	l := q.linkTo(page, old)
	return l != nil && !(elsewhere && l.late())
}

// suspended reports whether a donor of the slab is suspended: it will be back, or be lost,
// and then its slabs fail. Nobody else can tell how long that takes.
func (q *queue) suspended(slab int) bool {
	s := q.Pages.Slab(slab)
	switch s.State {
	case slabmap.Mapped, slabmap.Migrating, slabmap.Draining:
	default:
		return false
	}
	old, moving := q.Pages.OldDonor(slab)
	return q.isSuspended(s.Donor) || moving && q.isSuspended(old)
}

func (q *queue) isSuspended(donor uint16) bool {
	return !q.links[donor].ready() || q.Barrier.Up(donor)
}

// waitsFor notes what a request waits for that finds page in use. It is excused from its
// patience if the page lies in a buffer on its way to a place that will take it or refuse
// it, or if a donor is suspended, for which the writer of the page may wait.
func (q *queue) waitsFor(r *request, page int64) {
	v, slab := q.Pages.Look(page), q.Pages.SlabOf(page)
	r.excused = v.Pending || q.suspended(slab)
	r.onItsWay, r.donor = v.Pending && v.Place == slabmap.Backing, q.Pages.Slab(slab).Donor
	if r.onItsWay {
		q.links[r.donor].pace.holdsUp()
	}
}

// acquireRead counts a read in where its page was seen.
func (q *queue) acquireRead(slab int, v slabmap.View) (held slabmap.Slab, ok bool) {
	if v.Old {
		held, ok = q.Pages.AcquireOld(slab)
	} else {
		held, ok = q.Pages.AcquireRead(slab)
	}
	if ok && held.Epoch != v.RemoteEpoch() {
		q.Pages.Done(slab, held.Epoch)
		return held, false
	}
	return held, ok
}

// fetchable reports whether page, which is as v says, can be read from a donor now.
func (q *queue) fetchable(page int64, v slabmap.View) bool {
	return !v.Writing && v.Place&slabmap.Remote != 0 && q.wantsRemote(page, v.Old, true)
}
