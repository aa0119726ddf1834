package scrubber

import "github.com/farswap/farswap/slabmap"

// probe tries operations of the backing file whose last one has failed: what the file says
// then is what works now. It reports whether pages can be brought there. A page that is
// brought there in vain could be lost, if its donor is lost meanwhile.
func (s *Scrubber) probe() bool {
	reads, writes := s.cfg.Backing.Fails()
	buf := s.lanes.buffer(0, 1)
	if reads {
		_ = s.cfg.Backing.ReadPages(buf, 0) // the file keeps the outcome
	}
	if !writes {
		return true
	}
	for page := range s.cfg.Pages.Geometry().Pages() {
		if s.probeWrite(page, buf) {
			break
		}
	}
	_, writes = s.cfg.Backing.Fails()
	return !writes
}

// probeWrite writes a page without a change of what it holds. It is false if the page is in
// use.
func (s *Scrubber) probeWrite(page int64, buf []byte) bool {
	v := s.cfg.Pages.Look(page)
	r := run{slab: s.cfg.Pages.SlabOf(page), first: page, views: []slabmap.View{v}}
	switch {
	case v.Zeros():
		if !s.cfg.Pages.BeginWrite(page) {
			return false
		}
		zeros := s.cfg.Pages.Look(page).Zeros() // still
		if zeros {
			clear(buf)
			_ = s.toBacking(r, buf)
		}
		s.cfg.Pages.AbortWrite(page)
		return zeros
	case v.Place&slabmap.Backing != 0:
		if s.fromBacking(r, buf) != nil || !s.isTrue(page, &v, buf, slabmap.Backing, 0) {
			return false
		}
		n, err := s.copyRun(r, buf, slabmap.Restored{}, s.toBacking)
		return n > 0 || err != nil
	default:
		return false
	}
}
