//go:build vm

package vmtest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Bad input that takes a kernel, a network or a donor to see. What the command
// line alone shows is tested with internal/cli. Suite checks after each scenario
// that nothing is left.

// refused runs `ublk add`, which must fail with code 1 and one line.
func (w *World) refused(options []string, parts ...string) {
	w.Helper()
	w.OnlyError(w.Run(append([]string{"farswap", "ublk", "add"}, options...)...), 1, parts...)
}

func badDonor(w *World) {
	w.machine(2)
	nobody := &Donor{Address: donorHost(2) + ":9400"}
	unreachable := &Donor{Address: "10.98.0.1:9400"}
	w.refused(w.SwapOptions("64M", []*Donor{nobody}), nobody.Address, "farswap donor")
	w.NoFile(filepath.Join(w.Dir, "backing"))
	w.refused(w.SwapOptions("64M", []*Donor{unreachable}), unreachable.Address)
	w.NoFile(filepath.Join(w.Dir, "backing"))

	small := w.Donor(1, "8M")
	w.refused(append(w.SwapOptions("64M", []*Donor{small}), "--slab", "64M"), small.Address)
	w.NoFile(filepath.Join(w.Dir, "backing"))

	// One that can be used is enough; status tells about the other.
	d := w.Swap("64M", []*Donor{small, nobody})
	if s := d.Status(); !s.Degraded {
		w.Errorf("status does not say that %s is missing: %+v", nobody.Address, s.Donors)
	}
	d.Stop()

	// The port is taken.
	taken := append([]string{}, small.argv...)
	w.OnlyError(w.Run(append(taken, "--name", "other")...), 1, small.Address)
}

func badBacking(w *World) {
	donors := w.donors(1, "64M")
	path := func(name string) string { return filepath.Join(w.Dir, name) }
	with := func(backing string) []string { return append(w.SwapOptions("64M", donors), "--backing", backing) }

	if err := os.WriteFile(path("small"), make([]byte, 1<<20), 0o600); err != nil {
		w.Fatal(err)
	}
	w.refused(with(path("small")), path("small"))
	w.refused(with(path("no/such/folder")), path("no/such/folder"))
	w.refused(with(w.Dir), w.Dir)
	w.refused(with("/dev/null"), "/dev/null")
	w.refused(with("/dev/vda"), "/dev/vda") // mounted

	w.Phase("read-only")
	if err := os.Mkdir(path("ro"), 0o755); err != nil {
		w.Fatal(err)
	}
	w.Must("mount", "-t", "tmpfs", "-o", "ro", "ro", path("ro"))
	w.Defer(func() { w.Must("umount", path("ro")) })
	w.refused(with(path("ro/backing")), path("ro/backing"))

	w.Phase("another device's")
	d := w.Swap("64M", donors)
	w.OnlyError(w.Run(append([]string{"farswap", "ublk", "add"}, w.SwapOptions("64M", donors)...)...), 3, path("backing"))
	w.Must("modprobe", "loop")
	loop := strings.TrimSpace(w.Must("losetup", "--find", "--show", path("backing")))
	w.Defer(func() { w.Must("losetup", "--detach", loop) })
	w.OnlyError(w.Run(append([]string{"farswap", "ublk", "add"}, with(loop)...)...), 3, loop)
	w.refused([]string{"--target", "loop", "--backing", path("missing")}, path("missing"))
	w.NoFile(path("missing"))
	w.alive(d)
	d.Stop()
}

func badIdentity(w *World) {
	donors := w.donors(1, "64M")
	w.refused(append(w.SwapOptions("64M", donors), "--cert", w.Identity("stranger")), donors[0].Address)
	// The identity of donor 2 does not stand for donor 1's address.
	w.machine(2)
	impostor := w.Start(nil, "nsenter", "--net=/run/netns/donor2", "farswap", "donor", "--listen", donorHost(2)+":9400",
		"--memory", "64M", "--cert", w.Identity("donor3"), "--name", "impostor")
	other := &Donor{Address: donorHost(2) + ":9400"}
	w.Until(commandTimeout, "the impostor listens", func() bool {
		_, err := os.Stat("/run/farswap/donor-impostor/sock")
		return err == nil
	})
	w.refused(w.SwapOptions("64M", []*Donor{other}), other.Address)
	w.NoFile(filepath.Join(w.Dir, "backing"))
	impostor.Signal(syscall.SIGTERM)
	impostor.Succeed(commandTimeout)
}

func badDevice(w *World) {
	d := w.Add("--target", "null", "--size", "64M", "--id", "3")
	null := []string{"--target", "null", "--size", "64M"}
	w.refused(append(null, "--id", "3"), "3")
	w.refused(append(null, "--id", "3", "--state-root", filepath.Join(w.Dir, "state")), "3")
	w.NoFile(filepath.Join(w.Dir, "state", "3"))
	w.alive(d)
	d.Stop()

	w.Phase("no permission")
	nobody := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
	w.OnlyError(w.Run(append(append(nobody, "farswap", "ublk", "add"), null...)...), 1, "root")
}

// noDriver takes the driver away. It is the last scenario: what went wrong
// before may keep the driver in use.
func noDriver(w *World) {
	w.Must("modprobe", "-r", "ublk_drv")
	w.Defer(func() { w.Must("modprobe", "ublk_drv") })
	w.refused([]string{"--target", "null", "--size", "64M"}, "modprobe ublk_drv")
	if out := w.Must("farswap", "ublk", "list"); out == "" {
		w.Error("ublk list says nothing")
	}
}
