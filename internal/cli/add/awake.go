package add

import (
	"context"
	"sync"
	"time"

	"github.com/farswap/farswap/internal/awake"
	"github.com/farswap/farswap/internal/inuse"
)

// awakeEvery is the time between two looks whether the device is swap: others can make it that, too.
const awakeEvery = 2 * time.Second

// stayAwake keeps the machine from sleeping while the device is swap, until the returned function is
// called. A machine that sleeps freezes the server, and waits for it.
func (s *session) stayAwake() (stop func()) {
	w := awake.Watch{
		Wanted: func() bool {
			areas, err := inuse.AreasOn(s.dev.Path())
			return err == nil && len(areas) > 0
		},
		Why: s.dev.Path() + " is swap", Every: awakeEvery,
		Tell: func(held bool, err error) {
			switch {
			case err != nil:
				s.log.Info().Err(err).Msg("do not let this machine sleep while the device is swap")
			case held:
				s.log.Info().Msg("this machine does not sleep while the device is swap")
			default:
				s.log.Info().Msg("the lock that keeps this machine from sleeping has ended")
			}
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { w.Run(ctx) })
	return func() { cancel(); watching.Wait() }
}
