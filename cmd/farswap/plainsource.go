package main

import (
	"context"
	"fmt"

	"github.com/farswap/farswap/status"
)

// plainSource is what the socket of a plain target shows and does.
type plainSource struct{ *plainDevice }

var _ status.DeviceSource = plainSource{}

func (s plainSource) Status() status.Device { return s.status() }

// Stop begins a stop and does not wait for its end.
func (s plainSource) Stop(ctx context.Context) error { return s.requestStop(ctx) }

// Decisions has none to return: a plain target has no slabs.
func (s plainSource) Decisions(slab int) ([]status.Decision, error) {
	return nil, fmt.Errorf("slab %d: %w: a device with the target %s has no slabs", slab, status.ErrInvalid, s.name)
}
