package devserver

import (
	"time"

	"github.com/farswap/farswap/ublk"
)

// Driver is what makes block devices: the kernel's, or one that a test puts in its place.
type Driver interface {
	// Add, Recover and Info are those of package ublk.
	Add(spec ublk.Spec) (Device, error)
	Recover(spec ublk.Spec) (Device, error)
	Info(id int) (ublk.DevInfo, error)
	// Close leaves the devices as they are.
	Close() error
}

// Device is a block device of a Driver. Its methods are those of ublk.Device.
type Device interface {
	ID() int
	Path() string
	Info() ublk.DevInfo
	Batches() (requests, passes uint64)

	Start(target ublk.Target) error
	Quiesce(within time.Duration) error
	Stop() error
	Leave() error
	Delete() error

	Done() <-chan struct{}
	Err() error
	Failed() bool
	Refused() uint64
	Refusals() <-chan ublk.Refusal
}

// kernel is the kernel's driver.
type kernel struct{ *ublk.Control }

func openKernel() (Driver, error) {
	control, err := ublk.OpenControl()
	if err != nil {
		return nil, err
	}
	return kernel{control}, nil
}

func (k kernel) Add(spec ublk.Spec) (Device, error) {
	d, err := ublk.Add(k.Control, spec)
	if err != nil { // and no typed nil
		return nil, err
	}
	return d, nil
}

func (k kernel) Recover(spec ublk.Spec) (Device, error) {
	d, err := ublk.Recover(k.Control, spec)
	if err != nil {
		return nil, err
	}
	return d, nil
}
