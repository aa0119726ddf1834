package scrubber

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/seal"
)

// Place is the place of the scrubber's connections: see verbs.QPConfig.Place.
const Place = 1001

// runPages is the most pages that are copied at a time.
const runPages = 16

// Config is what a scrubber is given. All of it is constant.
type Config struct {
	Pages      *slabmap.Map
	Keys       *path.Keyring
	Barrier    *path.Barrier
	Notes      *path.Notes // says which copies are bad
	Backing    *path.BackingFile
	Key        *seal.Key // has sealed the pages; nil: they are stored as they are
	Donors     *lenders.Lenders
	Transports []*lenders.Transport
	Journal    *journal.Journal
	Log        zerolog.Logger

	Hot       float64       // page I/Os per second from which pages of a slab are wanted at its donor
	OpTimeout time.Duration // of a donor to get something done
}
