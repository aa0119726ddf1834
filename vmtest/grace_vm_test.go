//go:build vm

package vmtest

import (
	"syscall"
	"time"
)

// pastGrace has stalls last longer than the grace time, under swap: first a donor's, which
// the device gives up once, then that of the server, which both donors give up. The backing
// file has what was lost, and the donors are used again.
func pastGrace(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors, "--grace", "10s")
	d.SwapOn()
	program := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "4", "--pattern", "uniform")
	w.onBoth(d, donors)
	// A busy machine may be silent for longer than the grace time by itself, so only what
	// the scenario does is counted exactly.
	check := func() {
		w.Helper()
		s := d.CheckIO()
		w.Logf("donors were lost %v times; pages: %+v, %d slabs failed over", d.losses(), s.Pages, s.IO.Failovers)
	}
	first, second := donors[0], donors[1]

	w.Phase("%s is stopped until it is lost", first.Name)
	first.Signal(syscall.SIGSTOP)
	w.lost(d, first)
	time.Sleep(time.Second)
	first.Signal(syscall.SIGCONT)
	w.used(d, first)
	if n := d.losses()[first.Name]; n != 1 {
		w.Errorf("%s was lost %d times by one stall", first.Name, n)
	}
	check()

	w.Phase("the server is stopped until the donors have ended its sessions")
	w.onBoth(d, donors)
	before, lost := d.Status().IO.Failovers, d.losses()
	d.Signal(syscall.SIGSTOP)
	w.Until(time.Minute, "the donors have ended the sessions", func() bool {
		return len(w.donorStatus(first).Sessions) == 0 && len(w.donorStatus(second).Sessions) == 0
	})
	d.Signal(syscall.SIGCONT)
	w.Until(time.Minute, "the device has lost both donors", func() bool {
		now := d.losses()
		return now[first.Name] > lost[first.Name] && now[second.Name] > lost[second.Name]
	})
	w.onBoth(d, donors)
	check()
	if now := d.Status().IO.Failovers; now < before+2 {
		w.Errorf("%d slabs failed over when both donors were lost", now-before)
	}
	program.Told(4 * time.Minute)
	d.CheckIO()
	d.SwapOff()
	d.Stop()
}
