package main

import (
	"context"

	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/status"
)

// donorSource is what a donor's socket shows and does.
type donorSource struct {
	*donor.Donor
	end func() // begins to end the donor
}

var _ status.DonorSource = donorSource{}

// Stop begins a stop and does not wait for its end.
func (s donorSource) Stop(context.Context) error { s.end(); return nil }

// Drain begins a drain and does not wait for its end.
func (s donorSource) Drain(context.Context) error { s.Donor.Drain(); return nil }

// Resize changes what the donor lends.
func (s donorSource) Resize(_ context.Context, to status.DonorResize) error {
	return resizeHere(s.Donor, to)
}
