package placement

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
)

// Policies.
const (
	Paper   = "paper"   // the emptier of two donors at random
	Latency = "latency" // the same, but slow donors get no slabs and lose their hottest
)

const (
	// AskDeadline bounds each question to a donor.
	AskDeadline = 3 * time.Second
	// OtherDeadline is a good choice of Config.OtherDeadline: hundreds of times what an
	// answer takes.
	OtherDeadline = 250 * time.Millisecond
)

// Config is what mapper, steering and choosers are given. All of it is constant.
type Config struct {
	Pages   *slabmap.Map
	Keys    *path.Keyring
	Notes   *path.Notes
	Donors  *lenders.Lenders
	Journal *journal.Journal
	Log     zerolog.Logger

	SlabSize int64   // bytes
	Backing  bool    // there is a backing file
	Hot      float64 // page I/Os per second from which a slab is mapped
	Policy   string  // Paper or Latency
	Judge    slabmap.JudgeConfig
	Period   time.Duration // of the judge
	// OtherDeadline is how long the second donor of a pair may take once the first has
	// answered. AskDeadline bounds the wait anyway.
	OtherDeadline time.Duration

	// ReleaseTests gives back what a donor lends for test reads of a slab, before the
	// donor is asked for that slab's memory again.
	ReleaseTests func(ctx context.Context, d *lenders.Donor, slab int) error
}

// micros is d as it is logged.
func micros(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
