//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/farswap/farswap/status"
)

// withoutProbes keeps probes out of a device whose servers are replaced under load. Each of them attaches its own, for
// which the kernel patches its code while others run it. An emulated processor has once run the patched code too
// late: "Oops: int3" in blk_mq_start_request, on 6.12.
var withoutProbes = []string{"--probes", "off"}

// serverTakenOver kills servers of a device that is swap, each under load. The standby of each takes the device
// over, and the program that pages sees a pause.
func serverTakenOver(w *World) {
	replaced(w, 50, func(_ *Device, s status.Device) {
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			w.Fatal(err)
		}
	})
}

// standbyAlone is serverTakenOver while no program of farswap can be read: the standby has all that it needs. The
// next one is started once they can be read again.
func standbyAlone(w *World) {
	path, err := exec.LookPath("farswapd")
	if err != nil {
		w.Fatal(err)
	}
	programs := filepath.Dir(path)
	replaced(w, 10, func(d *Device, s status.Device) {
		w.Must("mount", "-t", "tmpfs", "nothing", programs)
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
			w.Fatal(err)
		}
		err := syscall.Kill(s.PID, syscall.SIGKILL)
		w.Until(time.Minute, "the standby serves, and says that it cannot start another", func() bool {
			next, askErr := d.ask()
			return askErr == nil && next.PID == s.StandbyPID && next.IO.Reads > 0 && strings.Contains(d.Stderr(), "the device has no standby")
		})
		if err := errors.Join(err, syscall.Unmount(programs, 0)); err != nil {
			w.Fatal(err)
		}
	})
}

// serverUpgraded has servers hand over a device that is swap, each under load.
func serverUpgraded(w *World) {
	replaced(w, 20, func(d *Device, _ status.Device) {
		w.Start(nil, "farswap", "ublk", "upgrade", d.ID()).Succeed(3 * time.Minute)
	})
}

// donorUpgraded has donors of a device that is swap go on in new processes, in turn, each under load. No slab is lost.
func donorUpgraded(w *World) {
	donors := w.donors(2, "160M")
	l := w.load(donors)
	w.onBoth(l.device, donors)
	for i := range l.times(20) {
		d := donors[i%len(donors)]
		l.pause(func() {
			d.Upgrade()
			w.Until(time.Minute, d.Name+" is used again", func() bool {
				state := DonorState(l.device.Status(), d.Name)
				return state.State == "up" && state.Slabs > 0
			})
		})
	}
	if s := l.device.Status(); s.IO.Failovers != 0 {
		w.Errorf("%d slabs were taken off a donor: want none", s.IO.Failovers)
	}
	l.end("donors upgraded")
}

// replaced has the servers of a device replaced under load, one after the other, in the whole form this many.
func replaced(w *World, whole int, replace func(*Device, status.Device)) {
	l := w.load(w.donors(2, "160M"))
	d := l.device
	w.Logf("memory of the standby: %s", locked(d.withStandby(1).StandbyPID))
	times := l.times(whole)
	for i := range times {
		s := d.withStandby(i + 1)
		l.pause(func() {
			replace(d, s)
			w.Until(time.Minute, "another server has the device, and serves", func() bool {
				next, err := d.ask()
				return err == nil && next.PID != s.PID && next.State == status.StateLive && next.IO.Reads > 0
			})
		})
	}
	d.withStandby(times + 1)
	l.end("servers replaced")
	w.Until(commandTimeout, "servers and standbys have ended", func() bool {
		return !slices.ContainsFunc(Leftovers(), func(what string) bool { return what == status.DefaultRoot+"/noswap" })
	})
}

// ask is Status for a device that may have no server just now.
func (d *Device) ask() (status.Device, error) {
	id, err := strconv.Atoi(d.ID())
	if err != nil {
		return status.Device{}, err
	}
	return status.Fetch(d.w.ctx, status.Socket(status.StateDir(status.DefaultRoot, id)))
}

// withStandby waits until the server of the device, its n-th, has a standby, and returns the device's status.
func (d *Device) withStandby(n int) status.Device {
	d.w.Helper()
	d.w.Until(time.Minute, "the server has a standby", func() bool {
		return strings.Count(d.Stderr(), "a standby is ready") >= n
	})
	return d.Status()
}

// noKernelErrors checks that the kernel has seen no error of a device in this scenario.
func (w *World) noKernelErrors(d *Device) {
	w.Helper()
	name := strings.TrimPrefix(d.Path, "/dev/")
	for line := range strings.Lines(w.kernelLog()) {
		if strings.Contains(line, "error") && strings.Contains(line, name) {
			w.Errorf("the kernel says: %s", line)
		}
	}
}

// kernelLog is what the kernel has said since the scenario began. Devices of earlier scenarios had the same
// names.
func (w *World) kernelLog() string {
	w.Helper()
	log, begun := since(w.Must("dmesg"), w.id)
	if !begun {
		w.Fatalf("the kernel's log does not say when %s began: its buffer is too small", w.id)
	}
	return log
}

// recoveredByHand kills the server of a device that is swap and has no standby. Of two that take it over, one
// does, and the other says why it does not.
func recoveredByHand(w *World) {
	d := w.Swap("128M", w.donors(1, "160M"), append(withoutProbes, "--supervise", "off")...)
	d.SwapOn()
	pages := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "4", "--pattern", "uniform")
	pages.Throttle(pagingLimit)
	w.Until(time.Minute, "the program pages", func() bool { return d.Status().IO.Reads > 100 })
	d.Kill()
	if list := w.Must("farswap", "ublk", "list"); !strings.Contains(list, "farswap ublk recover "+d.ID()) {
		w.Errorf("ublk list does not say what helps: %s", list)
	}
	racing := []*Process{w.Start(nil, "farswap", "ublk", "recover", d.ID()), w.Start(nil, "farswap", "ublk", "recover", d.ID())}
	var next status.Device
	w.Until(time.Minute, "one of them serves", func() bool {
		var err error
		next, err = d.ask()
		return err == nil && next.State == status.StateLive && next.IO.Reads > 100
	})
	for _, p := range racing {
		if p.PID() != next.PID {
			w.OnlyError(p.Wait(time.Minute), 1, "state folder in use", strconv.Itoa(next.PID))
		}
	}
	if next.Generation != 2 || next.StandbyPID != 0 {
		w.Errorf("server %d, standby %d", next.Generation, next.StandbyPID)
	}
	w.OnlyError(w.Run("farswap", "ublk", "recover", d.ID()), 1, "state folder in use") // its server lives
	w.Until(2*time.Minute, "the program has filled its memory", func() bool { return strings.Contains(pages.Stderr(), "uniform:") })
	pages.Told(4 * time.Minute)
	w.noKernelErrors(d)
	d.SwapOff()
	d.CheckIO()
	w.Must("farswap", "ublk", "stop", d.ID())
	for _, p := range racing {
		if p.PID() == next.PID {
			p.Succeed(commandTimeout)
		}
	}
	w.NoFile(d.Path)
}

// locked is what a process has locked, and what of that no other process shares, as the kernel writes it.
func locked(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return err.Error()
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if name, _, _ := strings.Cut(line, ":"); slices.Contains([]string{"Pss", "Private_Clean", "Private_Dirty", "Locked"}, name) {
			found = append(found, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(found, ", ")
}
