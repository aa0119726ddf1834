package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// Owners of a device in a listing.
const (
	ownerFarswap = "farswap"
	ownerForeign = "foreign"
)

// stateUnknown is shown where neither a server nor the kernel tells more.
const stateUnknown = "unknown"

// askTimeout bounds the question to one server in a listing of many.
const askTimeout = 2 * time.Second

// listed is one line of `ublk list`.
type listed struct {
	ID        int      `json:"id"`
	Path      string   `json:"path"`
	State     string   `json:"state"`
	Owner     string   `json:"owner"`
	Size      int64    `json:"size"` // bytes; 0 when the kernel has no block device
	PID       int      `json:"pid"`  // of the server; 0 without one
	Target    string   `json:"target"`
	Transport string   `json:"transport"`
	Donors    int      `json:"donors"`
	Degraded  bool     `json:"degraded"`
	UsedBy    []string `json:"used_by"` // swap, mount, holder; never null
	Error     string   `json:"error,omitempty"`
}

func listCommand(a *command.App) *cobra.Command {
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all ublk devices, including those without a server and those of other programs",
		Args:  a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			devices, err := listDevices(cmd.Context(), "/sys", root)
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), devices)
			}
			return writeList(cmd.OutOrStdout(), devices)
		},
	}
	flags.StateRoot(cmd, &root)
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

// listDevices joins what the state folders and the kernel know.
func listDevices(ctx context.Context, sysfs, root string) ([]listed, error) {
	folders, err := status.Folders(root)
	if err != nil {
		return nil, err
	}
	found := map[int]*listed{}
	for _, id := range kernelDevices(sysfs) {
		found[id] = foreign(id)
	}
	for _, f := range folders {
		if f.Donor == "" {
			found[f.ID] = ours(ctx, f, found[f.ID] != nil)
		}
	}
	devices := []listed{}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		d := found[id]
		d.ID, d.Path = id, ublk.BlockPath(id)
		if d.Size == 0 {
			d.Size = kernelSize(sysfs, id)
		}
		d.UsedBy = usedBy(d.Path)
		devices = append(devices, *d)
	}
	return devices, nil
}

// ours describes a device that has a state folder.
func ours(ctx context.Context, f status.Folder, inKernel bool) *listed {
	d := &listed{Owner: ownerFarswap, State: status.StateDead}
	if !f.Alive {
		if !inKernel {
			d.Error = "only its state folder is left"
		}
		return d
	}
	d.PID = f.PID
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := status.FetchSummary(ctx, status.Socket(f.Dir))
	switch {
	case errors.Is(err, status.ErrNoServer): // it holds the lock for longer than it has a socket
		d.State, d.Error = stateUnknown, "its server starts or stops"
	case err != nil:
		d.State, d.Error = stateUnknown, command.OneLine(err)
	default:
		d.State, d.Size, d.Target, d.Transport = s.State, s.Size, s.Target, s.Transport
		d.Donors, d.Degraded = len(s.Donors), s.Degraded
	}
	return d
}

// foreign describes a device that only the kernel knows.
func foreign(id int) *listed {
	d := &listed{Owner: ownerForeign, State: stateUnknown}
	control, err := ublk.OpenControl()
	if err != nil {
		d.Error = command.OneLine(err)
		return d
	}
	defer control.Close()
	info, err := control.Info(id)
	if err != nil {
		d.Error = command.OneLine(err)
		return d
	}
	d.State, d.PID = info.State.String(), int(info.ServerPID)
	return d
}

// kernelDevices lists the numbers of the ublk devices in sysfs.
func kernelDevices(sysfs string) []int {
	const prefix = "ublkc"
	entries, _ := os.ReadDir(filepath.Join(sysfs, "class/ublk-char")) // not there without the driver
	var ids []int
	for _, e := range entries {
		if id, err := strconv.Atoi(strings.TrimPrefix(e.Name(), prefix)); err == nil && strings.HasPrefix(e.Name(), prefix) {
			ids = append(ids, id)
		}
	}
	return ids
}

// kernelSize is a block device's size in bytes, 0 when it is not there.
func kernelSize(sysfs string, id int) int64 {
	name := filepath.Base(ublk.BlockPath(id))
	data, err := os.ReadFile(filepath.Join(sysfs, "class/block", name, "size"))
	if err != nil {
		return 0
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return sectors * ublk.SectorSize
}

// usedBy says in one word each what uses a device.
func usedBy(path string) []string {
	uses, err := inuse.Find(path)
	if err != nil {
		return []string{stateUnknown}
	}
	words := []string{}
	for _, u := range uses {
		if !slices.Contains(words, string(u.Kind)) {
			words = append(words, string(u.Kind))
		}
	}
	return words
}

func writeList(w io.Writer, devices []listed) error {
	if len(devices) == 0 {
		_, err := fmt.Fprintln(w, "no ublk devices")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DEVICE\tSTATE\tSIZE\tUSED BY\tSERVER\tTARGET\tTRANSPORT\tDONORS\tNOTE")
	for _, d := range devices {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", d.Path, d.State, human.Bytes(d.Size), human.OrDash(strings.Join(d.UsedBy, ",")),
			server(d), human.OrDash(d.Target), human.OrDash(d.Transport), d.Donors, d.note())
	}
	return t.Flush()
}

func server(d listed) string {
	if d.PID <= 0 {
		return "none"
	}
	return fmt.Sprintf("%s:%d", d.Owner, d.PID)
}

func (d listed) note() string {
	switch {
	case d.Error != "":
		return d.Error
	case d.Degraded:
		return "degraded: see `farswap ublk status " + strconv.Itoa(d.ID) + "`"
	case d.Owner == ownerFarswap && d.State == status.StateDead:
		return "its server is gone: `farswap ublk del " + strconv.Itoa(d.ID) + "` removes it"
	default:
		return ""
	}
}
