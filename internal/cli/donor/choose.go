package donor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
)

// chosenDonor is the donor that was named, or the only one that runs. A donor that was killed leaves its
// folder behind.
func chosenDonor(args []string, root string) (string, error) {
	if len(args) > 0 {
		return args[0], flags.CheckDonorName(args[0])
	}
	folders, err := status.Folders(root)
	if err != nil {
		return "", err
	}
	var run, dead []string
	for _, f := range folders {
		switch {
		case f.Donor == "":
		case f.Alive:
			run = append(run, f.Donor)
		default:
			dead = append(dead, f.Donor)
		}
	}
	switch {
	case len(run) == 1:
		return run[0], nil
	case len(run) > 1:
		return "", usage.Errorf("there are several donors, name one: %s", strings.Join(run, ", "))
	case len(dead) > 0:
		return "", fmt.Errorf("no donor runs here; %s ended without a goodbye: start one with `farswap donor`", strings.Join(dead, ", "))
	default:
		return "", errors.New("no donor runs here: start one with `farswap donor`")
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
