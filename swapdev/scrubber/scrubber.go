package scrubber

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/path"
)

const (
	// A pass goes through the device. firstIdle is before the pass after one that has done
	// something; each one that has not doubles the pause, up to mostIdle.
	firstIdle = time.Second
	mostIdle  = 8 * time.Second
	// newsPause is between two looks at whether a pass is worth while before its time.
	newsPause = 500 * time.Millisecond
)

// mostLater is how many copies that were found bad can wait. One that finds no room is noted
// again by the next read that meets it.
const mostLater = 1024

// Run brings copies back until ctx ends, on a thread of its own.
func (s *Scrubber) Run(ctx context.Context) {
	runtime.LockOSThread() // the ring of the connections
	defer runtime.UnlockOSThread()
	if err := s.lanes.open(); err != nil {
		s.cfg.Journal.Error(status.EventFault, "pages that lack a copy stay so: the scrubber cannot work").Because(err).Tell()
		return
	}
	defer s.end()
	for idle := firstIdle; ctx.Err() == nil; {
		before := s.Report()
		s.pass(ctx)
		after := s.Report()
		before.Lacking, after.Lacking = 0, 0 // others change it
		if idle = min(2*idle, mostIdle); before != after {
			idle = firstIdle
		}
		s.tell(before, after)
		s.wait(ctx, idle)
	}
}

// end frees what the thread has used.
func (s *Scrubber) end() {
	if err := s.lanes.close(); err != nil {
		s.cfg.Journal.Error(status.EventFault, "connections of the scrubber do not end").Because(err).Tell()
	}
}

// tell tells what a pass has put right.
func (s *Scrubber) tell(before, after status.Scrub) {
	backed, mended := after.Backed-before.Backed, after.Mended-before.Mended
	if backed+mended > 0 {
		s.cfg.Journal.Info(status.EventScrubbed, "pages have both copies again").
			With("backed", backed).With("mended", mended).With("lacking", s.cfg.Pages.Lacking()).Tell()
	}
}

// wait waits for the next pass, and mends copies that are found bad. Connections end
// meanwhile.
func (s *Scrubber) wait(ctx context.Context, idle time.Duration) {
	if err := s.lanes.rest(); err != nil {
		s.cfg.Log.Debug().Err(err).Msg("connections of the scrubber end later")
	}
	end, news := time.After(idle), time.NewTicker(newsPause)
	defer news.Stop()
	for {
		var pause <-chan time.Time
		if len(s.lanes.unknown) > 0 {
			pause = time.After(fencePause)
		}
		select {
		case <-ctx.Done():
			return
		case bad := <-s.cfg.Notes.Bad():
			s.look(bad)
			s.mendAll(ctx)
		case <-end:
			return
		case <-pause:
			s.lanes.fence(ctx)
		case <-news.C:
			if s.news() {
				return
			}
		}
	}
}

// news reports whether the backing file lacks pages that the last pass has not met, or works
// again and lacks some. Until they are there a flush fails, and the loss of a donor loses
// them.
func (s *Scrubber) news() bool {
	lacking := s.cfg.Pages.Lacking()
	return s.cfg.Backing.Works() && (lacking > s.lacked || lacking > 0 && !s.worked)
}

// pass mends what was found bad, and goes through the device twice. A page that the backing file
// lacks could be lost, and one that a donor lacks is slow: so the file comes first. What cannot be
// done now is left to a later pass.
func (s *Scrubber) pass(ctx context.Context) {
	clear(s.lanes.avoided)
	s.begun, s.lacked, s.worked = time.Now(), s.cfg.Pages.Lacking(), s.probe()
	defer func() { s.lacked = min(s.lacked, s.cfg.Pages.Lacking()) }()
	s.eachSlab(ctx, func(slab int) {
		if !s.worked || s.cfg.Pages.Lacking() == 0 {
			return
		}
		err := s.back(ctx, slab)
		s.said(err, slab)
		var failed *backingError
		s.worked = !errors.As(err, &failed)
	})
	s.eachSlab(ctx, func(slab int) {
		if s.cfg.Pages.Slab(slab).State == slabmap.Mapped && s.cfg.Pages.Activity(slab) > s.cfg.Hot {
			s.said(s.warm(ctx, slab), slab)
		}
	})
}

// eachSlab calls f for each slab, and mends what was found bad meanwhile.
func (s *Scrubber) eachSlab(ctx context.Context, f func(slab int)) {
	for slab := range s.cfg.Pages.Geometry().Slabs() {
		s.lanes.fence(ctx)
		s.mendAll(ctx)
		if ctx.Err() != nil {
			return
		}
		f(slab)
	}
}

// urgent reports whether the backing file lacks pages, and it is time for a pass that tries it again.
func (s *Scrubber) urgent() bool {
	return s.cfg.Pages.Lacking() > 0 && time.Since(s.begun) > firstIdle
}

// mendAll looks at all copies that were found bad.
func (s *Scrubber) mendAll(ctx context.Context) {
	for more := true; more; {
		select {
		case bad := <-s.cfg.Notes.Bad():
			s.look(bad)
		default:
			more = false
		}
	}
	list := s.later
	s.later = nil
	for _, bad := range list {
		if ctx.Err() != nil {
			return
		}
		err := s.paced(ctx, func() (bool, error) {
			done, err := s.mend(ctx, bad)
			if !done {
				s.look(bad)
			}
			return done, err
		})
		s.said(err, s.cfg.Pages.SlabOf(bad.Page))
	}
}

// look has a copy that was found bad looked at later. While the backing file does not read,
// each read finds the same copies bad again, and one look at each is enough.
func (s *Scrubber) look(bad path.Bad) {
	if len(s.later) < mostLater && !slices.Contains(s.later, bad) {
		s.later = append(s.later, bad)
	}
}
