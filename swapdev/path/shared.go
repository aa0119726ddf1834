package path

import (
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/seal"
)

// AckPolicy says when a write is answered.
type AckPolicy string

// Acknowledge policies.
const (
	RemoteFirst AckPolicy = "remote-first" // when the donor or the backing file has it
	Strict      AckPolicy = "strict"       // when both have it; without a donor that is late or suspended
)

// Config is what the queues of a device are given. It is constant once the first is open.
type Config struct {
	Pages    *slabmap.Map
	Keys     *Keyring
	Barrier  *Barrier
	Backing  *BackingFile // nil: none
	Ack      AckPolicy
	Patience time.Duration // longest wait of one request that gets no further, but for a suspended donor or a buffer of the server
	Hot      float64       // page I/Os per second at which a slab is wanted at a donor
	Prefetch bool          // fetch pages ahead of readers in order
	Notes    *Notes
	Key      *seal.Key // seals pages; nil: they are stored as they are

	// OpTimeout is how long a donor may take for one operation.
	OpTimeout time.Duration
	// Late is the least time after which a donor is late, however fast it has been: then
	// the backing file is asked for what it has.
	Late time.Duration

	// Ended is closed when all queues have ended.
	Ended <-chan struct{}
	// Leave ends the use of a queue's buffers by transports. The queue calls it as it
	// closes, with its number, on its thread. nil: nobody uses them.
	Leave func(queue int) error
}

// Shared is what all queues of a device have in common.
type Shared struct {
	Config
	progress []progress // by queue
}

// NewShared makes the common state of up to MaxQueues queues.
func NewShared(c Config, queues int) *Shared {
	return &Shared{Config: c, progress: make([]progress, queues)}
}
