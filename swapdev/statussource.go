package swapdev

import (
	"context"
	"fmt"

	"github.com/farswap/farswap/status"
)

// statusSource is what the device's socket shows and does.
type statusSource struct{ *Device }

var _ status.DeviceSource = statusSource{}

// Stop begins a stop and does not wait for its end.
func (s statusSource) Stop(ctx context.Context) error { return s.server.RequestStop(ctx) }

// Upgrade begins to hand the device over.
func (s statusSource) Upgrade(ctx context.Context) error {
	f := s.upgrade.Load()
	if f == nil {
		return fmt.Errorf("%w: nobody can take %s over", status.ErrRefused, s.Path())
	}
	return (*f)(ctx)
}

// Decisions returns the last placements of a slab, oldest first.
func (s statusSource) Decisions(slab int) ([]status.Decision, error) {
	return s.engine.slabDecisions(slab)
}
