package vmtest

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/farswap/farswap/status"
)

// Device is a device and its server.
type Device struct {
	*Process
	w    *World
	Path string
}

// Add runs `farswap ublk add` with options and waits for its device.
func (w *World) Add(options ...string) *Device {
	w.Helper()
	p := w.Start(nil, append([]string{"farswap", "ublk", "add"}, options...)...)
	d := &Device{Process: p, w: w}
	w.Defer(d.remove)
	w.Until(time.Minute, "a device is there", func() bool {
		d.Path = strings.TrimSpace(p.Stdout())
		if !p.Running() {
			w.Fatalf("%s: %s", p.name, p.Stderr())
		}
		return d.Path != ""
	})
	return d
}

// Swap adds a device over donors, with a backing file on the scratch disk and
// slabs that go to a donor at the first sign of use. It has several queues, which
// two CPUs alone would not make it have.
func (w *World) Swap(size string, donors []*Donor, options ...string) *Device {
	w.Helper()
	d := w.Add(append(w.SwapOptions(size, donors), options...)...)
	w.Until(commandTimeout, "a donor is used over "+w.Transport, func() bool { return len(d.Over()[w.Transport]) > 0 })
	return d
}

// Over lists, by transport, the names of the donors that the device is connected
// to.
func (d *Device) Over() map[string][]string {
	d.w.Helper()
	over := map[string][]string{}
	for _, donor := range d.Status().Donors {
		if donor.State == "up" {
			over[donor.Transport] = append(over[donor.Transport], donor.Name)
		}
	}
	return over
}

// SwapOptions are the options of Swap.
func (w *World) SwapOptions(size string, donors []*Donor) []string {
	options := []string{
		"--size", size, "--slab", "8M", "--hot", "1", "--backing", filepath.Join(w.Dir, "backing"),
		"--queues", "2", "--transport", w.Transport,
		"--cert", w.Identity("device"),
	}
	for _, d := range donors {
		options = append(options, "--donor", d.Address)
	}
	return append(options, w.sealOptions()...)
}

// ID is the device's number.
func (d *Device) ID() string { return strings.TrimPrefix(d.Path, "/dev/ublkb") }

// Status is what the server says about the device.
func (d *Device) Status() status.Device {
	d.w.Helper()
	ctx, cancel := context.WithTimeout(d.w.ctx, commandTimeout)
	defer cancel()
	id, err := strconv.Atoi(d.ID())
	if err != nil {
		d.w.Fatalf("%q is no device", d.Path)
	}
	s, err := status.Fetch(ctx, status.Socket(status.StateDir(status.DefaultRoot, id)))
	if err != nil {
		d.w.Fatalf("status of %s: %v; its server's log ends with: %s", d.Path, err, tail(d.Stderr(), 5))
	}
	return s
}

// Stop takes the device away as a user would, and checks that the server
// ended well.
func (d *Device) Stop() {
	d.w.Helper()
	d.w.Must("farswap", "ublk", "stop", d.ID())
	d.Succeed(commandTimeout)
	d.w.NoFile(d.Path)
}

// SwapOn makes the device swap, with discards.
func (d *Device) SwapOn() {
	d.w.Helper()
	d.w.Must("mkswap", d.Path)
	d.w.Must("swapon", "--discard=pages", d.Path)
}

// SwapOff brings all pages back into memory.
func (d *Device) SwapOff() {
	d.w.Helper()
	d.w.Start(nil, "swapoff", d.Path).Succeed(3 * time.Minute)
}

// remove takes away what a scenario that failed left of the device.
func (d *Device) remove() {
	if d.Path == "" { // not known to be there, yet it may be
		d.cmd.Process.Signal(os.Interrupt)
		d.Wait(commandTimeout)
		return
	}
	if !d.present() {
		return
	}
	table, _ := os.ReadFile("/proc/swaps")
	if strings.Contains(string(table), d.Path+" ") {
		d.w.Start(nil, "swapoff", d.Path).Wait(commandTimeout)
	}
	table, _ = os.ReadFile("/proc/self/mounts")
	if strings.Contains(string(table), d.Path+" ") {
		d.w.Run("umount", d.Path)
	}
	d.w.Run("farswap", "ublk", "stop", d.ID()) // its server may be another one by now
	if d.present() {
		d.end()
		d.w.Run("farswap", "ublk", "del", "--force", d.ID())
	}
}

// present says whether there is anything of the device: in the kernel, in the
// state folders, or a server.
func (d *Device) present() bool {
	id, err := strconv.Atoi(d.ID())
	if err != nil {
		return false
	}
	for _, path := range []string{d.Path, "/dev/ublkc" + d.ID(), status.StateDir(status.DefaultRoot, id)} {
		if _, err := os.Lstat(path); err == nil {
			return true
		}
	}
	return d.Running()
}

// CheckIO checks that the kernel saw no error, no page was wrong, and pages
// travel as the scenario means them to.
func (d *Device) CheckIO() status.Device {
	d.w.Helper()
	s := d.Status()
	if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.Pages.Lost != 0 {
		d.w.Errorf("%s: %d errors, %d corrupt pages, %d lost pages: want none", d.Path, s.IO.Errors, s.IO.Corrupt, s.Pages.Lost)
	}
	for _, donor := range s.Donors {
		if donor.State == "up" && donor.Transport != d.w.Transport {
			d.w.Errorf("%s is used over %q, want %s", donor.Name, donor.Transport, d.w.Transport)
		}
	}
	return s
}

// DonorState finds a donor in a device's status.
func DonorState(s status.Device, name string) status.Donor {
	for _, d := range s.Donors {
		if d.Name == name {
			return d
		}
	}
	return status.Donor{}
}
