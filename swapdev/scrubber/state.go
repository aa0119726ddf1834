package scrubber

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/seal"
)

const (
	// leastPause is between two runs. A run that took longer than usual, because its disk
	// or donor is busy, is followed by a pause of restShare times as long.
	leastPause = 2 * time.Millisecond
	restShare  = 4
)

// errMoved means that a page is not where it was a moment ago.
var errMoved = errors.New("the page has just moved")

// Scrubber brings copies back. See the package's comment for its thread.
type Scrubber struct {
	cfg    Config
	counts counts

	// The rest belongs to the thread.
	lanes  *lanes
	sealer *seal.Sealer // nil: pages are stored as they are
	views  [runPages]slabmap.View
	later  []path.Bad // to be looked at again

	// When the last pass began, and what it has met.
	begun  time.Time
	lacked int64 // pages that the backing file lacked, when it began or ended, whichever is less
	worked bool  // the file took pages
}

// counts are totals since the device was opened, in pages.
type counts struct{ backed, warmed, mended, failed atomic.Uint64 }

// New makes a scrubber.
func New(cfg Config) *Scrubber {
	s := &Scrubber{cfg: cfg}
	s.lanes = newLanes(&s.cfg)
	if cfg.Key != nil {
		s.sealer = cfg.Key.NewSealer()
	}
	return s
}

// Lost hears that a donor was lost, after its slabs have failed. Any goroutine may call it.
func (s *Scrubber) Lost(donor uint16) { s.lanes.losses[donor].Add(1) }

// Report is the scrubber for status. Any goroutine may call it.
func (s *Scrubber) Report() status.Scrub {
	return status.Scrub{
		Backed: s.counts.backed.Load(), Warmed: s.counts.warmed.Load(), Mended: s.counts.mended.Load(), Failed: s.counts.failed.Load(),
		Lacking: s.cfg.Pages.Lacking(),
	}
}

// paced copies one run, and pauses if it has tried to, so that others feel little of it.
func (s *Scrubber) paced(ctx context.Context, copyOne func() (tried bool, err error)) error {
	begun := time.Now()
	tried, err := copyOne()
	if !tried {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(max(leastPause, restShare*time.Since(begun))):
	}
	return err
}

// said logs what has stopped the work on a slab.
func (s *Scrubber) said(err error, slab int) {
	if err != nil {
		s.cfg.Log.Debug().Err(err).Int("slab", slab).Msg("the scrubber comes back to a slab later")
	}
}
