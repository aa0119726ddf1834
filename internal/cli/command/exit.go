package command

import (
	"errors"
	"slices"
	"strings"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/swapoff"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

// Exit codes of both programs.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitRefused = 3 // the command would have lost data
)

// usageErrors are the errors of libraries about values that came from the command line.
var usageErrors = []error{usage.Err, swapdev.ErrConfig, donor.ErrConfig, ublk.ErrSpec, control.ErrInsecureAddress}

// refusals are the errors of libraries about what would lose data, this program's or another's.
var refusals = []error{status.ErrRefused, swapoff.ErrNoRoom, status.ErrForeign, swapdev.ErrInUse, swapdev.ErrContent, swapdev.ErrShared, swapdev.ErrInMemory, ublk.ErrInUse}

// ExitCode returns the exit code of an error. Until a command runs, every error is about
// the command line.
func ExitCode(err error, ran bool) int { return exitCode(err, ran, Program{}) }

func exitCode(err error, ran bool, p Program) int {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
		return ExitDone
	case !ran, slices.ContainsFunc(usageErrors, is), slices.ContainsFunc(p.UsageErrors, is):
		return ExitUsage
	case slices.ContainsFunc(refusals, is), slices.ContainsFunc(p.Refusals, is):
		return ExitRefused
	default:
		return ExitFailed
	}
}

// OneLine returns an error's text without line breaks, which joined errors have.
func OneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
