package path

import "github.com/farswap/farswap/slabmap"

// A page is sealed once, in the buffer of its write, before the first part is made: so its
// donor and the backing file get the same bytes, and whoever copies them leaves them sealed. It
// is opened in the buffer from which the kernel gets it, once its checksum matches. What is
// fetched ahead stays sealed until a read takes it.

// sealPages seals the pages of a write, which are claimed, and takes the checksums of what
// is to be stored. It is false if a page has been written as often as pages can be: then
// nothing of the write has been sent.
func (q *queue) sealPages(tag int) bool {
	r, states := &q.requests[tag], q.pagesOf(tag)
	for i := range states {
		s, bytes := &states[i], q.bytes(tag, i, i+1)
		if q.sealer != nil {
			page := r.page + int64(i)
			counter, ok := q.Pages.NextCounter(page)
			if !ok {
				q.Notes.writtenOut(page)
				return false
			}
			s.seal = q.sealer.Seal(page, counter, bytes)
		}
		s.crc = slabmap.Checksum(bytes)
	}
	return true
}

// opens opens a page that has come and matches its checksum. It is false if nobody has
// sealed these bytes as what the map says that the page is.
func (q *queue) opens(page int64, v *slabmap.View, bytes []byte) bool {
	return q.sealer == nil || q.sealer.Open(page, v.Seal, bytes)
}

// foundBad takes note of a copy of a page that is as v says, and is not what was written. A
// forged one matches its checksum: who has no key would take it for a good copy, so the map
// forgets it, if there is another.
func (q *queue) foundBad(page int64, v *slabmap.View, from slabmap.Place, donor uint16, forged bool) {
	if !forged {
		q.counts.Corrupt++
		q.Notes.Corrupt(page, from, donor)
		return
	}
	q.counts.Forged++
	q.Notes.Forged(page, from, donor)
	q.Pages.Void(page, *v, from)
}
