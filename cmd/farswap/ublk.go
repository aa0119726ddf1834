package main

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

func (a *app) ublk() *cobra.Command {
	cmd := &cobra.Command{Use: "ublk", Short: "Serve, look at and remove swap devices"}
	cmd.AddCommand(a.ublkAdd(), a.ublkList(), a.ublkStatus(), a.ublkEvents(), a.ublkWhy(), a.ublkStop(), a.ublkDel())
	group(cmd)
	return cmd
}

// rootFlag is where the state folders are. Nobody needs another place but tests
// and machines that run several farswaps apart from each other.
func rootFlag(cmd *cobra.Command, root *string) {
	cmd.Flags().StringVar(root, "state-root", status.DefaultRoot, "folder of the state folders")
}

// parseDevice reads a device's number or path: 0, /dev/ublkb0.
func parseDevice(text string) (int, error) {
	digits := strings.TrimPrefix(text, ublk.BlockPath(0)[:len(ublk.BlockPath(0))-1])
	id, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0, usage("%q is not a device: want its number or its path, such as 0 or %s", text, ublk.BlockPath(0))
	}
	return int(id), nil
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
		return 0, usage("there are several devices, name one: %s", strings.Join(ids, ", "))
	}
}
