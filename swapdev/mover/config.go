package mover

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/swapdev/seal"
	"github.com/farswap/farswap/verbs"
)

// Config is what a mover is given. All of it is constant.
type Config struct {
	Pages      *slabmap.Map
	Keys       *path.Keyring
	Barrier    *path.Barrier
	Notes      *path.Notes
	Donors     *lenders.Lenders
	Transports []*lenders.Transport
	Journal    *journal.Journal
	Steering   *placement.Steering
	Placement  placement.Config
	Log        zerolog.Logger

	SlabSize  int64             // bytes
	Backing   *path.BackingFile // nil: none
	Key       *seal.Key         // has sealed the pages; nil: they are stored as they are
	OpTimeout time.Duration     // of a donor to get something done
	TestReads int               // how many make a period's measure of a donor
	TestTime  time.Duration     // how long they may take

	// Ended is closed when the device's queues have ended.
	Ended <-chan struct{}
}

func (c *Config) ended() bool {
	select {
	case <-c.Ended:
		return true
	default:
		return false
	}
}

// unmapKey gives back what a donor lends of a slab under a key. It is tried again after an
// error.
func unmapKey(ctx context.Context, s *control.Session, slab int, key verbs.Key) error {
	ctx, cancel := context.WithTimeout(ctx, placement.AskDeadline)
	defer cancel()
	err := s.UnmapKey(ctx, uint32(slab), uint64(key))
	if errors.Is(err, control.ErrUnknownSlab) {
		return nil // the donor has it
	}
	return err
}
