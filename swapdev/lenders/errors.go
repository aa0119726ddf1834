package lenders

import (
	"errors"
	"fmt"
)

// Errors of this package. Each of those below ErrNoDonor is a reason for it: errors.Is
// finds both.
var (
	// ErrConfig means that an option of a transport is wrong.
	ErrConfig = errors.New("wrong configuration")
	// ErrNoDonor means that no donor could be reached or has room.
	ErrNoDonor = errors.New("no donor can be used")
	// ErrEmptyCluster means that no donor has shown up in the cluster in time.
	ErrEmptyCluster = errors.New("no donor in the cluster")
	// ErrNoRoom means that a donor has less memory for this device than a slab takes.
	ErrNoRoom = errors.New("donor without room")
	// ErrSameName means that a donor of the same name is used at another address.
	ErrSameName = errors.New("two donors of one name")
	// ErrNoTransport means that device and donor have no transport in common.
	ErrNoTransport = errors.New("no transport in common")
	// ErrTransport means that the only transport that was asked for cannot be used.
	ErrTransport = errors.New("transport cannot be used")
)

// unusable is why a donor cannot be used.
type unusable struct {
	text  string
	cause error // a reason for ErrNoDonor
}

func refuse(cause error, format string, a ...any) error {
	return &unusable{fmt.Sprintf(format, a...), cause}
}

func (e *unusable) Error() string   { return e.text }
func (e *unusable) Unwrap() []error { return []error{e.cause, ErrNoDonor} }

// oneLine joins errors as one line. Nil ones are left out.
func oneLine(errs []error) error {
	var all error
	for _, err := range errs {
		switch {
		case err == nil:
		case all == nil:
			all = err
		default:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}
