//go:build vm

package vmtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/internal/kept"
	"github.com/farswap/farswap/status"
)

// Ways out for who has a device that is swap.

// listedDevice is what a listing says of a device.
type listedDevice struct {
	Path, Note, Advice string
}

// listed is the entry of `farswap ublk list` of a device.
func (d *Device) listed() listedDevice {
	d.w.Helper()
	var all []listedDevice
	if err := json.Unmarshal([]byte(d.w.Must("farswap", "ublk", "list", "--json")), &all); err != nil {
		d.w.Fatal(err)
	}
	for _, one := range all {
		if one.Path == d.Path {
			return one
		}
	}
	d.w.Fatalf("%s is not listed", d.Path)
	return listedDevice{}
}

// swapped is how much of swap is on the device, in bytes.
func (d *Device) swapped() int64 {
	d.w.Helper()
	areas, err := inuse.AreasOn(d.Path)
	if err != nil {
		d.w.Fatal(err)
	}
	var sum int64
	for _, a := range areas {
		sum += a.Used
	}
	return sum
}

// deadSwap removes a device whose server was killed under swap, and of which nothing is kept.
func deadSwap(w *World) {
	d := w.Swap("128M", w.donors(1, "128M"), "--supervise", "off")
	d.SwapOn()
	load := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "2", "--pattern", "uniform")
	w.Until(3*time.Minute, "a program swaps", func() bool { return d.swapped() > 16<<20 })
	load.Signal(syscall.SIGSTOP) // else it gets SIGBUS before the kernel needs room
	d.Kill()
	w.Until(10*time.Second, "nothing serves the device", func() bool { return d.listed().Advice != "" })
	if err := os.RemoveAll(filepath.Join(status.DefaultRoot, kept.FolderName, d.ID())); err != nil {
		w.Fatal(err)
	}

	w.Phase("the advice is that of a device whose pages are lost")
	force := "farswap ublk del --force " + d.ID()
	if got := d.listed(); !strings.Contains(got.Note, "lost") || !strings.Contains(got.Advice, force) {
		w.Errorf("listed as %+v", got)
	}
	w.OnlyError(w.Run("farswap", "ublk", "stop", d.ID()), 1, "no server answers", force)
	w.OnlyError(w.Run("farswap", "ublk", "del", d.ID()), 3, "lost", force)
	if doctor := w.Run("farswap", "doctor").Stdout; !strings.Contains(doctor, force) {
		w.Errorf("doctor does not say what helps: %s", doctor)
	}

	// The kernel charges a page that it cannot read to the program's control group all the same.
	w.Phase("a removal that has no room, and nothing to kill, can be tried again")
	load.Spare()
	off := w.Start(nil, "swapoff", d.Path) // that of somebody who did not read the advice
	w.Until(time.Minute, "swapoff waits for the device", func() bool { return inSwapoff() != 0 })
	load.Limit(pagingLimit / 4) // nothing can be written to swap any more
	r := w.Run("farswap", "ublk", "del", "--force", d.ID())
	for _, said := range []string{"still on", "memory.max", strings.TrimPrefix(load.group, "/sys/fs/cgroup"), force} {
		if r.Code != 1 || !strings.Contains(r.Stderr, said) {
			w.Errorf("exit code %d, %q lacks %q", r.Code, r.Stderr, said)
		}
	}
	if got := d.listed(); !strings.Contains(got.Advice, force) {
		w.Errorf("listed as %+v", got)
	}
	if r := off.Wait(10 * time.Second); r.Code == 0 {
		w.Error("swap came off")
	}
	load.Limit(pagingSize * 3)
	load.Signal(syscall.SIGCONT)

	w.Phase("the removal ends, and leaves nothing")
	off = w.Start(nil, "swapoff", d.Path)
	begun := time.Now()
	w.Start(nil, "farswap", "ublk", "del", "--force", d.ID()).Succeed(time.Minute)
	w.Logf("removed after %v", time.Since(begun).Round(time.Millisecond))
	off.Succeed(10 * time.Second)
	if r := load.Wait(time.Minute); r.Code == 0 {
		w.Error("the program went on without its pages")
	}
	w.NoFile(d.Path)
	w.NoFile("/dev/ublkc" + d.ID())
	if swaps := w.read("/proc/swaps"); strings.Contains(swaps, d.Path) {
		w.Errorf("it is still swap: %s", swaps)
	}
	again := w.Add("--target", "null", "--size", "64M", "--id", d.ID())
	again.Stop()
}

// swapped returns the bytes of the program that are in swap.
func (p *Paging) swapped() int64 {
	p.w.Helper()
	text, err := os.ReadFile(filepath.Join(p.group, "memory.swap.current"))
	if err != nil {
		p.w.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		p.w.Fatal(err)
	}
	return n
}

// Spare keeps the OOM killer away from the program.
func (p *Paging) Spare() {
	p.w.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.PID()), []byte("-1000"), 0); err != nil {
		p.w.Fatal(err)
	}
}

// swapTakenOff stops a device that is swap, while a program runs whose pages are on it.
func swapTakenOff(w *World) {
	donors := w.donors(1, "128M")
	d := w.Swap("128M", donors)
	d.SwapOn()
	load := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "2", "--pattern", "uniform")
	w.Until(3*time.Minute, "a program swaps", func() bool { return d.swapped() > 16<<20 })
	stop := []string{"farswap", "ublk", "stop", "--swapoff", d.ID()}

	w.Phase("it is refused while the program's control group has no room")
	w.OnlyError(w.Run("farswap", "ublk", "stop", d.ID()), 3, d.Path, "stop --swapoff")
	w.OnlyError(w.Run(stop...), 3, d.Path, "control group", "memory.max")
	w.alive(d)

	// The kernel looks for a signal between two programs whose pages it brings back.
	w.Phase("it is canceled while a page of the first of two programs is on its way")
	other := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "1", "--pattern", "uniform")
	w.Until(3*time.Minute, "the other program swaps", func() bool { return other.swapped() > 16<<20 })
	d.Signal(syscall.SIGSTOP)
	load.Limit(pagingSize * 3)
	other.Limit(pagingSize * 3)
	canceled := w.Start(nil, stop...)
	w.Until(time.Minute, "swapoff waits for the device", func() bool { return inSwapoff() != 0 })
	canceled.Signal(syscall.SIGINT)
	w.Until(time.Minute, "swapoff has the signal", func() bool { return signalWaits(inSwapoff()) })
	d.Signal(syscall.SIGCONT)
	if r := canceled.Wait(time.Minute); r.Code != 1 || !strings.Contains(r.Stderr, "swap is still on") {
		w.Errorf("exit code %d, %s", r.Code, r.Stderr)
	}
	w.alive(d)
	if !d.Status().Swap {
		w.Error("swap is not on after it was canceled")
	}

	w.Phase("it comes off, and the device goes")
	begun := time.Now()
	w.Start(nil, stop...).Succeed(3 * time.Minute)
	w.Logf("stopped after %v", time.Since(begun).Round(time.Millisecond))
	d.Succeed(commandTimeout)
	w.NoFile(d.Path)
	load.Told(2 * time.Minute)
	other.Told(2 * time.Minute)

	w.Phase("a signal does the same")
	d = w.Swap("128M", donors, "--swapoff-on-stop", "on", "--swapon")
	load = w.PageUntilTold(pagingSize, pagingLimit, "--threads", "2", "--pattern", "uniform")
	w.Until(3*time.Minute, "a program swaps", func() bool { return d.swapped() > 16<<20 })
	load.Limit(pagingSize * 3)
	d.Signal(syscall.SIGTERM)
	d.Succeed(3 * time.Minute)
	w.NoFile(d.Path)
	load.Told(2 * time.Minute)
}

// inSwapoff is a process that waits in swapoff(2), 0 if there is none. It reads nothing that a program
// whose pages are in swap would have to bring back.
func inSwapoff() (pid int) {
	files, err := filepath.Glob("/proc/[0-9]*/syscall")
	if err != nil {
		return 0
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && strings.HasPrefix(string(text), fmt.Sprint(syscall.SYS_SWAPOFF, " ")) {
			pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(f)))
			return pid
		}
	}
	return 0
}

// signalWaits reports whether a signal for the process waits until it is taken.
func signalWaits(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		name, set, _ := strings.Cut(line, ":")
		if name == "SigPnd" || name == "ShdPnd" {
			if n, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64); err == nil && n != 0 {
				return true
			}
		}
	}
	return false
}
