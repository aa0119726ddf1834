//go:build vm

package vmtest

import (
	"encoding/json"
	"syscall"
	"time"

	"github.com/farswap/farswap/status"
)

// Donors that go away, in every way: no page is wrong, no request fails. Where
// one comes back, the other is too small for all slabs: some are left for it.

// onBoth waits until each of two donors has slabs of the device.
func (w *World) onBoth(d *Device, donors []*Donor) {
	w.Helper()
	w.Until(time.Minute, "both donors have slabs", func() bool {
		s := d.Status()
		return DonorState(s, donors[0].Name).Slabs > 0 && DonorState(s, donors[1].Name).Slabs > 0
	})
}

// used waits until a donor that came back has slabs again.
func (w *World) used(d *Device, donor *Donor) {
	w.Helper()
	w.Until(time.Minute, donor.Name+" has slabs again", func() bool { return DonorState(d.Status(), donor.Name).Slabs > 0 })
}

// lost checks that a device goes on without a donor, and says so.
func (w *World) lost(d *Device, donor *Donor) {
	w.Helper()
	w.Until(30*time.Second, donor.Name+" is given up", func() bool {
		s := d.Status()
		return DonorState(s, donor.Name).Slabs == 0 && s.IO.Failovers > 0
	})
	state := DonorState(d.Status(), donor.Name)
	w.Logf("%s is %s: %s", state.Name, state.State, state.Error)
	if state.Error == "" {
		w.Errorf("status does not say what is wrong with %s", donor.Name)
	}
}

// donorKilledUnderIO kills one of two donors, brings it back, and sees it used.
func donorKilledUnderIO(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors)
	w.underHistory(d, 2, func() {
		w.onBoth(d, donors)
		w.Phase("killing %s", donors[0].Name)
		donors[0].Kill()
		w.lost(d, donors[0])
		w.Phase("starting %s again", donors[0].Name)
		donors[0].Restart()
		w.used(d, donors[0])
	})
	d.CheckIO()
	d.Stop()
}

func donorKilledUnderSwap(w *World) {
	donors := w.donors(2, "24M")
	d := w.Swap("128M", donors)
	d.SwapOn()
	program := w.Page(pagingSize, pagingLimit, "--duration", w.Shorten(10*time.Second).String(), "--threads", "4")
	w.onBoth(d, donors)
	w.Phase("killing %s", donors[1].Name)
	donors[1].Kill()
	w.lost(d, donors[1])
	w.Phase("starting %s again", donors[1].Name)
	donors[1].Restart()
	w.used(d, donors[1])
	program.Check(4 * time.Minute)
	s := d.CheckIO()
	w.Logf("pages: %+v, %d failovers", s.Pages, s.IO.Failovers)
	d.SwapOff()
	d.Stop()
}

// allDonorsKilled leaves the backing file alone.
func allDonorsKilled(w *World) {
	donors := w.donors(2, "128M")
	d := w.Swap("128M", donors)
	w.underHistory(d, 3, func() {
		w.onBoth(d, donors)
		for _, donor := range donors {
			donor.Kill()
		}
		for _, donor := range donors {
			w.lost(d, donor)
		}
	})
	s := d.CheckIO()
	if !s.Degraded {
		w.Error("status does not say that the device is degraded")
	}
	w.toldOfLoss(d, donors)
	if len(s.Slowest) == 0 {
		w.Error("status names no request as slow")
	}
	d.Stop()
}

// toldOfLoss checks that the events of a device have the loss of each donor, as the
// command shows them.
func (w *World) toldOfLoss(d *Device, donors []*Donor) {
	w.Helper()
	lost := d.losses()
	for _, donor := range donors {
		if lost[donor.Name] == 0 {
			w.Errorf("no event says that %s was lost; %v were", donor.Name, lost)
		}
	}
}

// losses is how often each donor was lost, by the events of a device.
func (d *Device) losses() map[string]int {
	d.w.Helper()
	var events []status.Event
	if err := json.Unmarshal([]byte(d.w.Must("farswap", "ublk", "events", "--json", d.ID())), &events); err != nil {
		d.w.Fatalf("%v", err)
	}
	lost := map[string]int{}
	for i, e := range events {
		if e.Seq != events[0].Seq+uint64(i) {
			d.w.Errorf("event %d has the number %d, the first %d", i, e.Seq, events[0].Seq)
		}
		if e.Kind == status.EventDonorLost {
			lost[e.Donor]++
		}
	}
	return lost
}

// donorFrozen stops a donor without ending it: its connections stay open and its process
// answers nothing. Over TCP only deadlines help. Over RDMA the adapter goes on to serve the
// memory, and data that arrives counts as life: nothing is lost.
func donorFrozen(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors, "--grace", "1s")
	w.underHistory(d, 4, func() {
		w.onBoth(d, donors)
		before := d.Status()
		donors[0].Signal(syscall.SIGSTOP)
		defer donors[0].Signal(syscall.SIGCONT) // also on Fatal: it could not end
		if w.Transport == RDMA {
			w.Until(time.Minute, "the control session is silent for longer than it may be", func() bool {
				return time.Since(before.At) > 6*time.Second
			})
			s := d.Status()
			if s.IO.Failovers != before.IO.Failovers || DonorState(s, donors[0].Name).Slabs == 0 {
				w.Errorf("%d slabs failed over, the donor has %d", s.IO.Failovers-before.IO.Failovers, DonorState(s, donors[0].Name).Slabs)
			}
			return
		}
		w.lost(d, donors[0])
		donors[0].Signal(syscall.SIGCONT)
		w.used(d, donors[0])
	})
	d.CheckIO()
	d.Stop()
}

// linkCut takes a donor's network away and gives it back.
func linkCut(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors, "--grace", "1s")
	w.underHistory(d, 5, func() {
		w.onBoth(d, donors)
		donors[0].CutLink()
		w.lost(d, donors[0])
		donors[0].RestoreLink()
		w.used(d, donors[0])
	})
	d.CheckIO()
	d.Stop()
}

// donorsTooSlow has a network as slow as the deadlines, give or take: each donor
// is lost and comes back all the time.
func donorsTooSlow(w *World) {
	donors := w.donors(2, "128M")
	for _, donor := range donors {
		w.Must("tc", "qdisc", "add", "dev", donor.Name, "root", "netem", "delay", "40ms", "20ms")
	}
	d := w.Swap("128M", donors, "--op-timeout", "50ms", "--grace", "1ms")
	w.underHistory(d, 6, func() {
		// Twice each, if the machine is quick enough.
		w.until(w.Shorten(20*time.Second), func() bool {
			lost := d.losses()
			return lost[donors[0].Name] >= 2 && lost[donors[1].Name] >= 2
		})
		w.Logf("donors were lost: %v", d.losses())
	})
	s := d.CheckIO()
	w.Logf("%d failovers", s.IO.Failovers)
	if s.IO.Failovers == 0 {
		w.Error("no donor was lost: this shows nothing")
	}
	d.Stop()
}
