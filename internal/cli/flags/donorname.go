package flags

import (
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/usage"
)

// CheckDonorName refuses a name that no donor can have. Names become parts of paths.
func CheckDonorName(name string) error {
	if !control.ValidName(name) {
		return usage.Errorf("%q is not the name of a donor: want up to 64 letters, digits, dots, dashes or underscores", name)
	}
	return nil
}
