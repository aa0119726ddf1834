package add

import (
	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/flusher"
)

// ease has the server of a device run at plain priority while that makes pages cheaper and does no harm. A nil one
// does nothing.
type ease struct {
	log    zerolog.Logger
	thread *flusher.Ease
}

// newEase makes its thread. Call it before flusher.Settle.
func newEase(log zerolog.Logger) *ease {
	e := &ease{log: log}
	var err error
	if e.thread, err = flusher.NewEase(e.failed); err != nil {
		e.failed(err)
		return nil
	}
	return e
}

// begin begins, with a device whose requests count. It goes on until the function that it returns.
func (e *ease) begin(dev device) (end func()) {
	if e == nil {
		return func() {}
	}
	if err := e.thread.Begin(dev.Batches); err != nil {
		e.failed(err)
	}
	return e.end
}

func (e *ease) failed(err error) {
	e.log.Warn().Err(err).Msg("the server stays real-time, also while the machine has memory to spare: many pages at a time cost more")
}

func (e *ease) end() {
	if err := e.thread.End(); err != nil {
		e.log.Warn().Err(err).Msg("cannot end the watch of the machine's memory")
	}
}
