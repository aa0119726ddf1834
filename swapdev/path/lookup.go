package path

import "github.com/farswap/farswap/slabmap"

// reaches reports whether this queue has a connection to the donor of page. With old, it
// is the donor that the page's slab is moving away from.
func (q *queue) reaches(page int64, old bool) bool {
	slab := q.Pages.SlabOf(page)
	if old {
		donor, ok := q.Pages.OldDonor(slab)
		return ok && q.links[donor].ready()
	}
	return q.links[q.Pages.Slab(slab).Donor].ready()
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
	return !v.Writing && v.Place&slabmap.Remote != 0 && q.reaches(page, v.Old)
}
