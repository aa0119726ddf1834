package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/dash/web"
	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
)

// errUsage marks what the user has to write differently.
var errUsage = errors.New("wrong usage")

// usage is an error that ends with exitUsage.
func usage(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

type usageError struct{ err error }

// badName makes a name that package control refuses wrong usage. Elsewhere the
// same error can come from another machine.
func badName(err error) error {
	if errors.Is(err, control.ErrInvalid) {
		return &usageError{err}
	}
	return err
}

func (e *usageError) Error() string   { return e.err.Error() }
func (e *usageError) Unwrap() []error { return []error{e.err, errUsage} }

// usageErrors are the sentinels of other packages for values that came from the
// command line.
var usageErrors = []error{errUsage, swapdev.ErrConfig, donor.ErrConfig, benchmarks.ErrConfig, harness.ErrConfig, ublk.ErrSpec, control.ErrInsecureAddress, web.ErrConfig, workload.ErrConfig}

// refusals are the sentinels of other packages for what would lose data.
var refusals = []error{status.ErrRefused, swapdev.ErrInUse, ublk.ErrInUse, harness.ErrOther, harness.ErrDamaged}

// exitCode gives an error its exit code. Before a command ran, every error is
// about the command line.
func exitCode(err error, ran bool) int {
	switch {
	case err == nil:
		return exitDone
	case !ran || isAny(err, usageErrors):
		return exitUsage
	case isAny(err, refusals):
		return exitRefused
	default:
		return exitFailed
	}
}

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// oneLine is an error's text without line breaks, which joined errors have.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
