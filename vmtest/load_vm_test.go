//go:build vm

package vmtest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// onceShort is how often a process is replaced under load in the short form.
const onceShort = 3

// load is a program that pages on a device which is swap, while processes are replaced below it.
type load struct {
	w      *World
	device *Device
	pages  *Paging
	watch  *Watch
	pauses []time.Duration
}

// load begins one, on a device that has these donors.
func (w *World) load(donors []*Donor) *load {
	w.Helper()
	l := &load{w: w, device: w.Swap("128M", donors, withoutProbes...)}
	l.device.SwapOn()
	l.pages = w.PageUntilTold(pagingSize, pagingLimit, "--threads", "4", "--pattern", "uniform")
	l.pages.Throttle(pagingLimit)
	l.watch = WatchDevice(l.device.Path)
	w.Defer(func() { _ = l.watch.End() }) // also on Fatal
	return l
}

// times is how often something is replaced: in the whole form as often as this.
func (l *load) times(whole int) int {
	if testing.Short() {
		return onceShort
	}
	return whole
}

// pause replaces something once the program pages, and measures the device's pause.
func (l *load) pause(replace func()) {
	l.w.Helper()
	before := l.device.Status().IO.Reads
	l.w.Until(time.Minute, "the program pages", func() bool { return l.device.Status().IO.Reads > before+100 })
	l.longest()
	replace()
	l.pauses = append(l.pauses, l.longest().Round(time.Millisecond))
}

// longest is the longest time that a read of the device has taken since the last call.
func (l *load) longest() time.Duration {
	l.w.Helper()
	pause, err := l.watch.Longest()
	if err != nil {
		l.w.Fatal(err)
	}
	return pause
}

// end ends the program, checks its pages and that no request has failed, and takes the device away.
func (l *load) end(what string) {
	w, d := l.w, l.device
	w.Helper()
	slices.Sort(l.pauses)
	times := len(l.pauses)
	w.Logf("%d %s; the device's pauses: median %v, longest %v", times, what, l.pauses[times/2], l.pauses[times-1])
	w.Until(2*time.Minute, "the program has filled its memory", func() bool { return strings.Contains(l.pages.Stderr(), "uniform:") })
	l.pages.Told(15 * time.Minute) // at 20 pages a second, as under many machines on one
	if err := l.watch.End(); err != nil {
		w.Errorf("a read of the device has failed: %v", err)
	}
	w.noKernelErrors(d)
	s := d.CheckIO()
	if s.Pages.Remote+s.Pages.Both == 0 {
		w.Error("no page is at a donor: nothing was at stake there")
	}
	d.SwapOff()
	w.Must("farswap", "ublk", "stop", d.ID())
	w.NoFile(d.Path)
}
