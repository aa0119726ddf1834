package flags

import (
	"errors"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/usage"
)

// BadName makes a name that package control refuses wrong usage, where the name came from
// the command line. Elsewhere the same error can come from another machine.
func BadName(err error) error {
	if errors.Is(err, control.ErrInvalid) {
		return usage.Wrap(err)
	}
	return err
}
