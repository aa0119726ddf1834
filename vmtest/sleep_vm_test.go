//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// A machine that is to sleep while a device is swap. The kernel's pm_test freezes all programs, as for
// suspend and hibernation, and thaws them at once.

// The program is small: each attempt to freeze the machine suspends the donor, and it pages from the
// backing file for a while.
const (
	sleepSize  = 32 << 20
	sleepLimit = 16 << 20
)

// sleeps freezes a machine whose programs page.
func sleeps(w *World) {
	// Milliseconds for which the freezer tries, and seconds for which a test leaves programs frozen.
	w.set("/sys/power/pm_freeze_timeout", "3000")
	w.set("/sys/module/suspend/parameters/pm_test_delay", "1")
	w.set("/sys/power/pm_test", "freezer")

	d := w.Swap("128M", w.donors(1, "128M"))
	d.SwapOn()
	load := w.PageUntilTold(sleepSize, sleepLimit, "--threads", "2", "--pattern", "uniform")
	w.Until(3*time.Minute, "a program swaps", func() bool { return d.swapped() > sleepLimit/2 })

	w.Phase("the server is frozen before a program that waits for a page")
	d.Signal(syscall.SIGSTOP)
	w.Until(time.Minute, "a program waits for a page", func() bool { return w.uninterruptible(load.PID()) })
	if err := freeze(); !errors.Is(err, syscall.EBUSY) {
		w.Errorf("a machine was frozen while a program waited for a page: %v", err)
	}
	d.Signal(syscall.SIGCONT)
	w.alive(d)

	w.Phase("the freezer takes what it gets first")
	const tries = 2
	failed := 0
	for range tries {
		if err := freeze(); err != nil {
			failed++
		}
		w.alive(d)
	}
	w.Logf("the freezer failed %d of %d times while a program paged", failed, tries)
	load.Told(4 * time.Minute)

	w.Phase("nothing pages")
	if err := freeze(); err != nil {
		w.Errorf("a machine that does not page was not frozen: %v", err)
	}
	d.SwapOff()
	d.Stop()
}

// freeze lets the kernel freeze all programs but this one, and thaw them.
func freeze() error { return os.WriteFile("/sys/power/state", []byte("mem"), 0) }

// set writes a value of the kernel's, and puts the one before back at the end.
func (w *World) set(path, value string) {
	w.Helper()
	before := strings.TrimSpace(w.read(path))
	if _, chosen, ok := strings.Cut(before, "["); ok { // a list with the chosen one in brackets
		before, _, _ = strings.Cut(chosen, "]")
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		w.Fatal(err)
	}
	w.Defer(func() {
		if err := os.WriteFile(path, []byte(before), 0); err != nil {
			w.Error(err)
		}
	})
}

// uninterruptible reports whether a thread of a process waits in the kernel and hears no signal.
func (w *World) uninterruptible(pid int) bool {
	w.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		w.Fatal(err)
	}
	for _, t := range threads {
		stat := w.read(fmt.Sprintf("/proc/%d/task/%s/stat", pid, t.Name()))
		if _, rest, ok := strings.Cut(stat, ") "); ok && strings.HasPrefix(rest, "D") {
			return true
		}
	}
	return false
}
