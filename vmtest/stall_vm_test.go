//go:build vm

package vmtest

import (
	"syscall"
	"testing"
	"time"
)

// Stalls under swap that end within the grace time: nothing is lost by them.

// stalls cuts a donor off, stops it, and stops the server of the device, each for a while
// and several times, while a program swaps.
func stalls(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors)
	d.SwapOn()
	times := []time.Duration{time.Second, 5 * time.Second, 20 * time.Second}
	server := []time.Duration{time.Second, 5 * time.Second}
	rounds, swaps := 4, "8m"
	if testing.Short() {
		times, server, rounds, swaps = times[1:2], server[:1], 1, "30s"
	}
	program := w.Page(pagingSize, pagingLimit, "--duration", swaps, "--threads", "4", "--pattern", "uniform")
	w.onBoth(d, donors)
	before := d.Status().IO.Failovers // of slabs that found no room in the beginning
	for range rounds {
		for _, t := range times {
			w.Phase("%s is cut off for %v", donors[0].Name, t)
			donors[0].CutLink()
			time.Sleep(t)
			donors[0].RestoreLink()
			w.wellAgain(d, donors)
			w.Phase("%s is stopped for %v", donors[1].Name, t)
			donors[1].Signal(syscall.SIGSTOP)
			time.Sleep(t)
			donors[1].Signal(syscall.SIGCONT)
			w.wellAgain(d, donors)
		}
		for _, t := range server {
			w.Phase("the server is stopped for %v", t)
			d.Signal(syscall.SIGSTOP)
			time.Sleep(t)
			d.Signal(syscall.SIGCONT)
			w.wellAgain(d, donors)
		}
	}
	if !program.Running() {
		w.Error("the program ended before the stalls did: this shows too little")
	}
	s := d.CheckIO()
	for _, donor := range s.Donors {
		w.Logf("%s was suspended %d times, for %v", donor.Name, donor.Suspensions, time.Duration(donor.Suspended))
	}
	w.Logf("%d reads were hedged, %d of them won", s.IO.HedgedReads, s.IO.HedgedWins)
	if s.IO.Failovers != before || s.Pages.Lost != 0 {
		w.Errorf("%d slabs failed over, %d pages are lost", s.IO.Failovers-before, s.Pages.Lost)
	}
	if s.Donors[0].Suspensions == 0 && s.Donors[1].Suspensions == 0 {
		w.Error("no donor was suspended: this shows nothing")
	}
	program.Check(10 * time.Minute)
	d.SwapOff()
	d.Stop()
}

// wellAgain waits until both donors are up, after a stall.
func (w *World) wellAgain(d *Device, donors []*Donor) {
	w.Helper()
	w.Until(time.Minute, "all donors are up again", func() bool {
		s := d.Status()
		for _, donor := range donors {
			if DonorState(s, donor.Name).State != "up" {
				return false
			}
		}
		return true
	})
}
