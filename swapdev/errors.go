package swapdev

import "errors"

// Errors of this package.
var (
	// ErrConfig: the configuration cannot be. Exit code 2.
	ErrConfig = errors.New("wrong configuration")
	// ErrBacking: the backing file cannot be used.
	ErrBacking = errors.New("backing file cannot be used")
	// ErrNoDonor: no donor could be reached or has room.
	ErrNoDonor = errors.New("no donor can be used")
	// ErrInUse: stopping the device now would lose data. Exit code 3.
	ErrInUse = errors.New("device is in use")
)
