// Package statustest makes sources for tests of the programs that read a status.
package statustest

import (
	"context"
	"fmt"

	"github.com/farswap/farswap/status"
)

// DeviceFunc is a device's source that shows what the function returns and refuses to stop.
type DeviceFunc func() status.Device

// DonorFunc is a donor's source that shows what the function returns and refuses to stop.
type DonorFunc func() status.DonorDaemon

var (
	_ status.DeviceSource = DeviceFunc(nil)
	_ status.DonorSource  = DonorFunc(nil)
)

// Status calls the function.
func (f DeviceFunc) Status() status.Device { return f() }

// Stop refuses.
func (DeviceFunc) Stop(context.Context) error { return status.ErrRefused }

// Upgrade refuses.
func (DeviceFunc) Upgrade(context.Context) error { return status.ErrRefused }

// Decisions refuses every slab.
func (DeviceFunc) Decisions(slab int) ([]status.Decision, error) {
	return nil, fmt.Errorf("slab %d: %w", slab, status.ErrInvalid)
}

// Status calls the function.
func (f DonorFunc) Status() status.DonorDaemon { return f() }

// Stop refuses.
func (DonorFunc) Stop(context.Context) error { return status.ErrRefused }

// Drain refuses.
func (DonorFunc) Drain(context.Context) error { return status.ErrRefused }

// Resize refuses every size.
func (DonorFunc) Upgrade(context.Context) error { return status.ErrRefused }

// Resize refuses.
func (DonorFunc) Resize(context.Context, status.DonorResize) error { return status.ErrInvalid }
