package ublk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Errors of this package.
var (
	// ErrNoDriver: the kernel has no ublk, or its module is not loaded.
	ErrNoDriver = errors.New("the kernel has no ublk")
	// ErrPermission: not root, and not CAP_SYS_ADMIN.
	ErrPermission = errors.New("no permission")
	// ErrIDTaken: another device has that number.
	ErrIDTaken = errors.New("device id is taken")
	// ErrNoDevice: there is no device of that number.
	ErrNoDevice = errors.New("no such device")
	// ErrTimeout: the driver did not answer in time. Its worker may be stuck; look
	// at the kernel's log.
	ErrTimeout = errors.New("the ublk driver did not answer in time")
	// ErrSpec: a device of that shape cannot be.
	ErrSpec = errors.New("wrong device specification")
	// ErrFeature: the driver lacks something that is needed.
	ErrFeature = errors.New("the ublk driver is too old")
	// ErrState: the call does not fit the device's state.
	ErrState = errors.New("wrong state of the device")
	// ErrInUse: somebody has the block device open.
	ErrInUse = errors.New("device is in use")
)

// openError turns the error of opening the driver's file into advice.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("open %s: %w: load it with `modprobe ublk_drv` (Linux 6.4 or newer)", path, ErrNoDriver)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("open %s: %w: run as root", path, ErrPermission)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// commandError turns a control command's negated errno into advice.
func commandError(name string, id int, errno unix.Errno) error {
	var cause error = errno
	switch errno {
	case unix.EEXIST:
		cause = fmt.Errorf("%w: choose another --id, or see `farswap ublk list`", ErrIDTaken)
	case unix.ENODEV:
		cause = fmt.Errorf("%w: see `farswap ublk list`", ErrNoDevice)
	case unix.EPERM, unix.EACCES:
		cause = fmt.Errorf("%w: run as root", ErrPermission)
	case unix.EBUSY:
		cause = fmt.Errorf("%w (%w)", ErrInUse, errno)
	case unix.EOPNOTSUPP:
		cause = fmt.Errorf("%w: Linux 6.4 or newer is needed (%w)", ErrFeature, errno)
	}
	return fmt.Errorf("ublk %s, device %d: %w", name, id, cause)
}
