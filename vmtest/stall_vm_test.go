//go:build vm

package vmtest

import (
	"syscall"
	"testing"
	"time"
)

// Stalls under swap that end within the grace time: nothing is lost by them.

// stall is something that stands still for a while.
type stall struct {
	what string
	how  func(time.Duration)
	// Each of these is a round's stall. In the short run, only the first is.
	times []time.Duration
}

// stalls has donors, the server and the machine stand still in turns, while a program
// swaps.
func stalls(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors)
	d.SwapOn()
	program := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "4", "--pattern", "uniform")
	w.onBoth(d, donors)
	before := d.Status().IO.Failovers // of slabs that found no room in the beginning

	rounds, seconds := 7, func(times ...time.Duration) []time.Duration {
		if testing.Short() {
			times = times[:1]
		}
		for i := range times {
			times[i] *= time.Second
		}
		return times
	}
	pause := 10 * time.Second
	if testing.Short() {
		rounds, pause = 1, 4*time.Second // more than a control session may be silent
	}
	all := []stall{
		{donors[0].Name + " is cut off", w.cut(donors[:1]), seconds(5, 1, 20)},
		{donors[1].Name + " is stopped", w.stopped(donors[1].Process), seconds(5, 1, 20)},
		{"both donors are cut off", w.cut(donors), seconds(5)},
		{"the server is stopped", w.stopped(d.Process), seconds(1, 5)},
		{"the machine is paused", w.PauseMachine, []time.Duration{pause}},
	}
	cuts := 0 // that are longer than a donor may be silent
	for round := range rounds {
		for _, s := range all {
			for _, t := range s.times {
				w.Phase("round %d of %d: %s for %v", round+1, rounds, s.what, t)
				s.how(t)
				w.wellAgain(d, donors)
				if now := d.Status(); now.IO.Failovers != before || now.Pages.Lost != 0 || now.IO.Errors != 0 {
					w.Fatalf("%d slabs failed over, %d pages are lost, %d requests failed", now.IO.Failovers-before, now.Pages.Lost, now.IO.Errors)
				}
			}
		}
		cuts += len(all[0].times) + len(all[2].times)
		if !testing.Short() {
			cuts-- // that of a second
		}
	}
	s := d.CheckIO()
	for _, donor := range s.Donors {
		w.Logf("%s was suspended %d times, for %v", donor.Name, donor.Suspensions, time.Duration(donor.Suspended).Round(time.Millisecond))
	}
	w.Logf("%d reads were hedged, %d of them won; %d slabs failed over, %d pages are lost, %d wrong, %d requests failed",
		s.IO.HedgedReads, s.IO.HedgedWins, s.IO.Failovers-before, s.Pages.Lost, s.IO.Corrupt, s.IO.Errors)
	if n := DonorState(s, donors[0].Name).Suspensions; n < uint64(cuts) {
		w.Errorf("%s was cut off for long %d times and suspended %d times: this shows too little", donors[0].Name, cuts, n)
	}
	program.Told(5 * time.Minute)
	d.CheckIO()
	d.SwapOff()
	d.Stop()
}

// cut takes the network of donors away for a while.
func (w *World) cut(donors []*Donor) func(time.Duration) {
	return func(d time.Duration) {
		w.Helper()
		for _, donor := range donors {
			donor.CutLink()
		}
		time.Sleep(d)
		for _, donor := range donors {
			donor.RestoreLink()
		}
	}
}

// stopped stops a process for a while.
func (w *World) stopped(p *Process) func(time.Duration) {
	return func(d time.Duration) {
		w.Helper()
		p.Signal(syscall.SIGSTOP)
		time.Sleep(d)
		p.Signal(syscall.SIGCONT)
	}
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
