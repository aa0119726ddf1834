package remedy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/internal/kept"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// Kernel is what the kernel does with a device.
type Kernel int

// What the kernel can do with a device.
const (
	Absent  Kernel = iota // it does not have the device
	Served                // a process serves the device, as far as the kernel knows
	Waiting               // the server is gone, and I/O waits for another one
	Failing               // the server is gone, and I/O fails
	Stopped               // the block device is gone, or was never there; the number is taken
	Unknown               // the kernel does not say
)

// Facts are what advice about a device follows from.
type Facts struct {
	ID     int
	Ours   bool // it has a state folder
	Server bool // a process holds the lock of the state folder
	Kept   bool // what another server needs to go on is kept
	Kernel Kernel
	Uses   []inuse.Use
	Swap   []inuse.Area // those of Uses that are swap
}

// Path is the block device.
func (f Facts) Path() string { return ublk.BlockPath(f.ID) }

// Pages is how much of swap is on the device, in bytes.
func (f Facts) Pages() int64 {
	var sum int64
	for _, a := range f.Swap {
		sum += a.Used
	}
	return sum
}

// Look finds out what there is of device id: in the state folders below root, in the kernel, and in
// use. It changes nothing and waits for no I/O of the device.
func Look(root string, id int) (Facts, error) {
	f := Facts{ID: id, Kernel: kernel(id)}
	dir := status.StateDir(root, id)
	if _, err := os.Stat(dir); err == nil {
		f.Ours = true
	}
	var err error
	if _, f.Server, err = status.Holder(dir); err != nil {
		return f, err
	}
	f.Kept = isKept(root, id)
	if f.Uses, err = inuse.Find(f.Path()); err != nil {
		return f, fmt.Errorf("tell whether %s is in use: %w", f.Path(), err)
	}
	if f.Swap, err = inuse.AreasOn(f.Path()); err != nil {
		return f, fmt.Errorf("tell how much of swap is on %s: %w", f.Path(), err)
	}
	return f, nil
}

// isKept looks for the map of a device's pages, without which no server can go on.
func isKept(root string, id int) bool {
	_, err := os.Stat(filepath.Join(root, kept.FolderName, strconv.Itoa(id), "map"))
	return err == nil
}

// kernel asks the driver.
func kernel(id int) Kernel {
	control, err := ublk.OpenControl()
	if errors.Is(err, ublk.ErrNoDriver) {
		return Absent
	}
	if err != nil {
		return Unknown
	}
	defer control.Close()
	info, err := control.Info(id)
	switch {
	case errors.Is(err, ublk.ErrNoDevice):
		return Absent
	case err != nil:
		return Unknown
	default:
		return doing(info)
	}
}

// doing tells what the kernel does with a device that it has.
func doing(info ublk.DevInfo) Kernel {
	switch info.State {
	case ublk.StateLive:
		// Between a server's end and the kernel's notice of it the device counts as live.
		if info.ServerPID > 0 && errors.Is(unix.Kill(int(info.ServerPID), 0), unix.ESRCH) {
			return Waiting
		}
		return Served
	case ublk.StateQuiesced:
		return Waiting
	case ublk.StateFailIO:
		return Failing
	case ublk.StateDead:
		return Stopped
	default:
		return Unknown
	}
}
