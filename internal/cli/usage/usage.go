// Package usage marks errors that the user ends by writing the command line differently.
package usage

import (
	"errors"
	"fmt"
)

// Err is what every error of this package wraps.
var Err = errors.New("wrong usage")

// Errorf returns an error about the command line.
func Errorf(format string, args ...any) error { return Wrap(fmt.Errorf(format, args...)) }

// Wrap makes an error of a library one about the command line, without changing its text.
func Wrap(err error) error { return &usageError{err} }

type usageError struct{ err error }

func (e *usageError) Error() string   { return e.err.Error() }
func (e *usageError) Unwrap() []error { return []error{e.err, Err} }
