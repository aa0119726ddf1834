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
	// ErrPermission: the process is not root and lacks CAP_SYS_ADMIN.
	ErrPermission = errors.New("no permission")
	// ErrIDTaken: another device has that number.
	ErrIDTaken = errors.New("device id is taken")
	// ErrNoDevice: there is no device of that number.
	ErrNoDevice = errors.New("no such device")
	// ErrTimeout: the driver did not answer in time. Its worker may be stuck; look
	// at the kernel's log.
	ErrTimeout = errors.New("the ublk driver did not answer in time")
	// ErrSpec: the driver does not accept the specification.
	ErrSpec = errors.New("wrong device specification")
	// ErrUnsupported: the driver lacks something that is needed. An UnsupportedError
	// in the chain says what, and which version of Linux has it.
	ErrUnsupported = errors.New("the ublk driver is too old")
	// ErrState: the call does not fit the device's state.
	ErrState = errors.New("wrong state of the device")
	// ErrInUse: somebody has the block device open.
	ErrInUse = errors.New("device is in use")
)

// UnsupportedError says what the driver of the running kernel lacks. It wraps
// ErrUnsupported.
type UnsupportedError struct {
	Feature string // as Flags names it, or what else is missing
	Kernel  string // the lowest version of Linux that has it, such as "6.13"
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%v: it lacks %s: Linux %s or newer is needed", ErrUnsupported, e.Feature, e.Kernel)
}

// Unwrap returns ErrUnsupported.
func (e *UnsupportedError) Unwrap() error { return ErrUnsupported }

// openError says what the error of opening one of the driver's files means.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("open %s: %w: load it with `modprobe ublk_drv` (Linux %v or newer)", path, ErrNoDriver, sinceFeatures)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("open %s: %w: run as root", path, ErrPermission)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("open %s: %w: another process serves it", path, ErrInUse)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// commandError says what a control command's errno means.
func commandError(name string, id int, errno unix.Errno) error {
	var cause error = errno
	switch errno {
	case unix.EEXIST:
		cause = ErrIDTaken
	case unix.ENODEV:
		cause = ErrNoDevice
	case unix.EPERM, unix.EACCES:
		cause = fmt.Errorf("%w: run as root", ErrPermission)
	case unix.EBUSY:
		cause = fmt.Errorf("%w (%w)", ErrInUse, errno)
	case unix.EOPNOTSUPP:
		cause = fmt.Errorf("%w (%w)", &UnsupportedError{Feature: "the command", Kernel: sinceIoctl.String()}, errno)
	}
	return fmt.Errorf("ublk %s, device %d: %w", name, id, cause)
}
