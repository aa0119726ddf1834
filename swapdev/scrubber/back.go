package scrubber

import (
	"context"

	"github.com/farswap/farswap/slabmap"
)

// back brings the pages of a slab that the backing file lacks there, from their donor. It
// fails with a backingError if the file does not take them.
func (s *Scrubber) back(ctx context.Context, slab int) error {
	page, end := s.cfg.Pages.Geometry().PageRange(slab)
	for page < end && ctx.Err() == nil {
		err := s.paced(ctx, func() (copied bool, err error) {
			page, copied, err = s.backNext(ctx, slab, page, end)
			return copied, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// backNext copies the next run from its donor to the backing file. It returns the page to
// go on with.
func (s *Scrubber) backNext(ctx context.Context, slab int, page, end int64) (next int64, copied bool, err error) {
	held, ok := s.cfg.Pages.AcquireRead(slab)
	if !ok {
		return end, false, nil
	}
	defer s.cfg.Pages.Done(slab, held.Epoch)
	r, next := s.collect(slab, page, end, func(v *slabmap.View) bool {
		return v.Place == slabmap.Remote && !v.Writing && !v.Pending && v.RemoteEpoch() == held.Epoch
	})
	if len(r.views) == 0 {
		return next, false, nil
	}
	buf := s.lanes.buffer(0, len(r.views))
	if err := s.fromDonor(ctx, r, held, buf); err != nil {
		return next, true, err
	}
	for part, bytes := range s.good(r, buf, slabmap.Remote, held.Donor) {
		n, err := s.copyRun(part, bytes, slabmap.Restored{Backing: true}, s.toBacking)
		s.counts.backed.Add(uint64(n))
		if err != nil {
			return next, true, err
		}
	}
	return next, true, nil
}

// toBacking writes a run to the backing file.
func (s *Scrubber) toBacking(r run, buf []byte) error {
	if err := s.cfg.Backing.WritePages(buf, r.first); err != nil {
		return &backingError{err}
	}
	return nil
}

// fromBacking reads a run from the backing file.
func (s *Scrubber) fromBacking(r run, buf []byte) error {
	if err := s.cfg.Backing.ReadPages(buf, r.first); err != nil {
		return &backingError{err}
	}
	return nil
}

// backingError is a failure of the backing file.
type backingError struct{ err error }

func (e *backingError) Error() string { return e.err.Error() }
func (e *backingError) Unwrap() error { return e.err }
