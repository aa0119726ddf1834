package scrubber

import (
	"context"

	"github.com/farswap/farswap/slabmap"
)

// warm brings the pages of a slab that are in the backing file only to the slab's donor. It may take
// minutes on a busy machine, so it gives way to what is urgent.
func (s *Scrubber) warm(ctx context.Context, slab int) error {
	page, end := s.cfg.Pages.Geometry().PageRange(slab)
	for page < end && ctx.Err() == nil && !s.urgent() {
		err := s.paced(ctx, func() (copied bool, err error) {
			page, copied, err = s.warmNext(ctx, slab, page, end)
			return copied, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// warmNext copies the next run from the backing file to its donor. It returns the page to
// go on with.
func (s *Scrubber) warmNext(ctx context.Context, slab int, page, end int64) (next int64, copied bool, err error) {
	r, next := s.collect(slab, page, end, func(v *slabmap.View) bool {
		return v.Place == slabmap.Backing && !v.Writing && !v.Pending
	})
	if len(r.views) == 0 {
		return next, false, nil
	}
	buf := s.lanes.buffer(0, len(r.views))
	if err := s.fromBacking(r, buf); err != nil {
		return next, true, err
	}
	for part, bytes := range s.good(r, buf, slabmap.Backing, 0) {
		n, err := s.lend(ctx, part, bytes)
		s.counts.warmed.Add(uint64(n))
		if err != nil {
			return next, true, err
		}
	}
	return next, true, nil
}

// lend copies a run to its donor, if that takes writes now. It returns how many pages were
// copied.
func (s *Scrubber) lend(ctx context.Context, r run, buf []byte) (int, error) {
	held, ok := s.cfg.Pages.Acquire(r.slab)
	if !ok {
		return 0, nil
	}
	defer s.cfg.Pages.Done(r.slab, held.Epoch)
	return s.copyRun(r, buf, slabmap.Restored{Remote: true, Epoch: held.Epoch}, func(r run, buf []byte) error {
		// The look at the barrier comes after the claim: who raises it still has its own
		// claims then.
		if s.cfg.Barrier.Up(held.Donor) {
			return errAvoided
		}
		return s.toDonor(ctx, r, held, buf)
	})
}
