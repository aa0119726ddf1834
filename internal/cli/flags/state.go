package flags

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// StateRoot gives a command the flag that says where the state folders are. Only tests,
// and machines that run several farswaps apart from each other, need another place.
func StateRoot(cmd *cobra.Command, root *string) {
	cmd.Flags().StringVar(root, "state-root", status.DefaultRoot, "folder of the state folders")
}

// ParseDevice reads a device's number or path: 0, /dev/ublkb0.
func ParseDevice(text string) (int, error) {
	digits := strings.TrimPrefix(text, ublk.BlockPath(0)[:len(ublk.BlockPath(0))-1])
	id, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || id > ublk.MaxID {
		return 0, usage.Errorf("%q is not a device: want its number or its path, such as 0 or %s", text, ublk.BlockPath(0))
	}
	return int(id), nil
}
