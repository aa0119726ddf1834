package device

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
)

// errNoDevice means that no device of this machine is farswap's.
var errNoDevice = errors.New("no farswap device here: make one with `farswap ublk add`")

// chosenDevice is the device that was named, or the only one.
func chosenDevice(args []string, root string) (int, error) {
	if len(args) == 0 {
		return onlyDevice(root)
	}
	return flags.ParseDevice(args[0])
}

// onlyDevice is the number of the one farswap device of this machine.
func onlyDevice(root string) (int, error) {
	folders, err := status.Folders(root)
	if err != nil {
		return 0, err
	}
	var ids []string
	id := -1
	for _, f := range folders {
		if f.Donor == "" {
			ids, id = append(ids, filepath.Base(f.Dir)), f.ID
		}
	}
	switch len(ids) {
	case 0:
		return 0, errNoDevice
	case 1:
		return id, nil
	default:
		return 0, usage.Errorf("there are several devices, name one: %s", strings.Join(ids, ", "))
	}
}
