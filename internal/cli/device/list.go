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
	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/human"
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
	Note      string   `json:"note,omitempty"`   // what is the matter
	Advice    string   `json:"advice,omitempty"` // what to do about it
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
			found[f.ID] = ours(ctx, f)
		}
	}
	devices := []listed{}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		d := found[id]
		d.ID, d.Path = id, ublk.BlockPath(id)
		if d.Size == 0 {
			d.Size = kernelSize(sysfs, id)
		}
		d.explain(root)
		devices = append(devices, *d)
	}
	return devices, nil
}

// ours describes a device that has a state folder.
func ours(ctx context.Context, f status.Folder) *listed {
	d := &listed{Owner: ownerFarswap, State: status.StateDead}
	if !f.Alive {
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

// explain says what uses the device, what is the matter with it, and what helps.
func (d *listed) explain(root string) {
	facts, err := remedy.Look(root, d.ID)
	d.UsedBy = []string{}
	if err != nil {
		d.UsedBy = append(d.UsedBy, stateUnknown)
		d.Note = command.OneLine(err)
		return
	}
	for _, u := range facts.Uses {
		if !slices.Contains(d.UsedBy, string(u.Kind)) {
			d.UsedBy = append(d.UsedBy, string(u.Kind))
		}
	}
	advice := facts.Advice()
	d.Note, d.Advice = advice.Note, advice.Do
	switch {
	case d.Owner == ownerFarswap && facts.Kernel == remedy.Absent && !facts.Server:
		d.Error = advice.Note // the key that told of it before there was a note
	case d.Note == "" && d.Error != "":
		d.Note = d.Error
	case d.Note == "" && d.Degraded:
		d.Note, d.Advice = "degraded", fmt.Sprintf("see `farswap ublk status %d`", d.ID)
	}
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

func (d listed) note() string { return remedy.Advice{Note: d.Note, Do: d.Advice}.String() }
