package scrubber

import (
	"context"
	"errors"
	"slices"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/verbs"
)

// run is pages that follow on one another, as they were when they were looked at.
type run struct {
	slab  int
	first int64
	views []slabmap.View
}

// collect finds the first run from page on, and before end, of pages that wanted is true
// for. It returns the page to go on with. The run is empty if there is none.
func (s *Scrubber) collect(slab int, page, end int64, wanted func(*slabmap.View) bool) (run, int64) {
	r := run{slab: slab, views: s.views[:0]}
	for ; page < end && len(r.views) < runPages; page++ {
		v := s.cfg.Pages.Look(page)
		if !wanted(&v) {
			if len(r.views) > 0 {
				break
			}
			continue
		}
		if len(r.views) == 0 {
			r.first = page
		}
		r.views = append(r.views, v)
	}
	return r, page
}

// fromDonor reads a run from the donor that has it. held is the slab as the read was
// counted in.
func (s *Scrubber) fromDonor(ctx context.Context, r run, held slabmap.Slab, buf []byte) error {
	return s.lanes.do(ctx, held.Donor, s.request(verbs.OpRead, r, held, buf))
}

// toDonor writes a run to its donor.
func (s *Scrubber) toDonor(ctx context.Context, r run, held slabmap.Slab, buf []byte) error {
	return s.lanes.do(ctx, held.Donor, s.request(verbs.OpWrite, r, held, buf))
}

func (s *Scrubber) request(op verbs.Opcode, r run, held slabmap.Slab, buf []byte) *verbs.WR {
	start, _ := s.cfg.Pages.Geometry().PageRange(r.slab)
	return &verbs.WR{
		Op: op, Local: buf, Remote: uint64(r.first-start) * slabmap.PageSize, Key: s.cfg.Keys.Get(r.slab, held.Epoch),
	}
}

// isTrue reports whether buf is a page as v says that it was stored. It takes note of a page that
// was made up. Who copied it would have the next donor blamed for it, or put it in the place of a
// copy that only seemed to be bad. donor is whose copy it is, if from is slabmap.Remote.
func (s *Scrubber) isTrue(page int64, v *slabmap.View, buf []byte, from slabmap.Place, donor uint16) bool {
	if slabmap.Checksum(buf) != v.CRC {
		return false
	}
	if s.sealer == nil || s.sealer.Authentic(page, v.Seal, buf) {
		return true
	}
	if s.cfg.Pages.Same(page, *v) { // else it was true when it was read, perhaps
		s.cfg.Notes.Forged(page, from, donor)
	}
	return false
}

// good are the parts of a run whose bytes in buf are true. Each yields with its bytes. from and
// donor are as for isTrue.
func (s *Scrubber) good(r run, buf []byte, from slabmap.Place, donor uint16) func(yield func(run, []byte) bool) {
	return func(yield func(run, []byte) bool) {
		for i := 0; i < len(r.views); {
			j := i
			for j < len(r.views) && s.isTrue(r.first+int64(j), &r.views[j], pageOf(buf, j), from, donor) {
				j++
			}
			if j > i && !yield(r.part(i, j), buf[i*slabmap.PageSize:j*slabmap.PageSize:j*slabmap.PageSize]) {
				return
			}
			i = j + 1
		}
	}
}

func (r run) part(i, j int) run {
	return run{slab: r.slab, first: r.first + int64(i), views: slices.Clip(r.views[i:j])}
}

func pageOf(buf []byte, i int) []byte { return buf[i*slabmap.PageSize : (i+1)*slabmap.PageSize] }

// copyRun copies a run to another place by write, and records where it is then. Pages that
// have changed since they were looked at end the run. It returns how many were copied.
func (s *Scrubber) copyRun(r run, buf []byte, done slabmap.Restored, write func(run, []byte) error) (int, error) {
	n := 0
	for n < len(r.views) && s.cfg.Pages.BeginRestore(r.first+int64(n), r.views[n]) {
		n++
	}
	if n == 0 {
		return 0, nil
	}
	err := write(r.part(0, n), buf[:n*slabmap.PageSize])
	if err != nil {
		done = slabmap.Restored{}
		if !errors.Is(err, errAvoided) {
			s.counts.failed.Add(uint64(n))
		}
	}
	for i := range n {
		s.cfg.Pages.EndRestore(r.first+int64(i), done)
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}
