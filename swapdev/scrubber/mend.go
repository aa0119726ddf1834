package scrubber

import (
	"context"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/path"
)

// mend looks at a copy that was found bad. If it is, and the other copy is good, the page is
// written there anew. It returns false if the page is in use: then it has to be looked at
// again.
func (s *Scrubber) mend(ctx context.Context, bad path.Bad) (done bool, err error) {
	v := s.cfg.Pages.Look(bad.Page)
	other := v.Place &^ bad.Copy
	switch {
	case v.Place&bad.Copy == 0 || other == slabmap.None:
		return true, nil // it is gone, or there is nothing to write it from
	case v.Writing || v.Pending:
		return false, nil
	}
	r := run{slab: s.cfg.Pages.SlabOf(bad.Page), first: bad.Page, views: []slabmap.View{v}}
	if good, err := s.isGood(ctx, r, bad.Copy, s.lanes.buffer(1, 1)); good || err != nil {
		return true, err // it was spoiled on its way only
	}
	buf := s.lanes.buffer(0, 1)
	if good, err := s.isGood(ctx, r, other, buf); !good || err != nil {
		return true, err
	}
	if !s.cfg.Pages.Void(bad.Page, v, bad.Copy) {
		return false, nil
	}
	r.views[0] = s.cfg.Pages.Look(bad.Page)
	n := 0
	if bad.Copy == slabmap.Backing {
		n, err = s.copyRun(r, buf, slabmap.Restored{Backing: true}, s.toBacking)
	} else {
		n, err = s.lend(ctx, r, buf)
	}
	s.counts.mended.Add(uint64(n))
	return true, err
}

// isGood reads one copy of a page, and reports whether it is what was stored. A sector that
// cannot be read is no good copy.
func (s *Scrubber) isGood(ctx context.Context, r run, from slabmap.Place, buf []byte) (bool, error) {
	v := r.views[0]
	if from == slabmap.Backing {
		return s.fromBacking(r, buf) == nil && s.isTrue(r.first, &v, buf, from, 0), nil
	}
	acquire := s.cfg.Pages.AcquireRead
	if v.Old {
		acquire = s.cfg.Pages.AcquireOld
	}
	held, ok := acquire(r.slab)
	if !ok {
		return false, errMoved
	}
	defer s.cfg.Pages.Done(r.slab, held.Epoch)
	if held.Epoch != v.RemoteEpoch() {
		return false, errMoved
	}
	err := s.fromDonor(ctx, r, held, buf)
	return err == nil && s.isTrue(r.first, &v, buf, from, held.Donor), err
}
