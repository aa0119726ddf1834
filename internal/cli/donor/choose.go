package donor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
)

// chosenDonor is the donor that was named, or the only one.
func chosenDonor(args []string, root string) (string, error) {
	if len(args) > 0 {
		return args[0], flags.CheckDonorName(args[0])
	}
	folders, err := status.Folders(root)
	if err != nil {
		return "", err
	}
	var names []string
	for _, f := range folders {
		if f.Donor != "" {
			names = append(names, f.Donor)
		}
	}
	switch len(names) {
	case 0:
		return "", errors.New("no donor runs here: start one with `farswap donor`")
	case 1:
		return names[0], nil
	default:
		return "", usage.Errorf("there are several donors, name one: %s", strings.Join(names, ", "))
	}
}

// donorError says what to do about a donor that does not answer.
func donorError(name string, err error) error {
	switch {
	case errors.Is(err, status.ErrNoServer):
		return fmt.Errorf("donor %s: %w: start it with `farswap donor`", name, err)
	case errors.Is(err, status.ErrInvalid):
		return usage.Errorf("donor %s: %w", name, err)
	default:
		return fmt.Errorf("donor %s: %w", name, err)
	}
}
