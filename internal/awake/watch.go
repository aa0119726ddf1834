package awake

import (
	"context"
	"time"
)

// Watch keeps the machine awake while it is wanted.
type Watch struct {
	Wanted func() bool // asked every Every; it must not wait
	Why    string      // of the lock
	Every  time.Duration
	Tell   func(held bool, err error) // hears of each change: of an error the first time only

	hold func(why string) (*Lock, error) // Hold; tests make one up
}

// Run watches until ctx ends, and then gives back what it holds.
func (w *Watch) Run(ctx context.Context) {
	hold := w.hold
	if hold == nil {
		hold = Hold
	}
	var lock *Lock
	var refused bool
	defer func() {
		if lock != nil {
			lock.Release()
		}
	}()
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		switch wanted := w.Wanted(); {
		case wanted && lock == nil && !refused:
			var err error
			if lock, err = hold(w.Why); err != nil {
				refused = true // until it is wanted anew
			}
			w.Tell(err == nil, err)
		case !wanted:
			refused = false
			if lock != nil {
				lock.Release()
				lock = nil
				w.Tell(false, nil)
			}
		}
		var ended <-chan struct{}
		if lock != nil {
			ended = lock.Ended()
		}
		select {
		case <-ctx.Done():
			return
		case <-ended:
			lock = nil
			w.Tell(false, nil)
		case <-tick.C:
		}
	}
}
