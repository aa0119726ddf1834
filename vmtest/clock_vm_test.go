//go:build vm

package vmtest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

const (
	clockLease = 45 * time.Second
	// clockSettles is longer than it takes to miss a ping, a gossip probe, or an
	// announcement.
	clockSettles = 12 * time.Second
)

// clockSet sets the machine's clock a day ahead and two days back while a program
// swaps, donors gossip, one is drained, and one keeps a slab under lease. All of it
// counts time that passes, and nothing may depend on the time of day; but
// certificates do, and say so.
func clockSet(w *World) {
	clock := w.moveClock()
	join := w.cluster()
	var donors []*Donor
	for n := 1; n <= 3; n++ {
		donors = append(donors, w.member(n, "56M", join, "--headroom", "16M", "--lease", clockLease.String()))
	}
	d := w.Add(append(w.SwapOptions("128M", nil), join...)...)
	d.SwapOn()
	up := func(n int) {
		w.Helper()
		w.Until(time.Minute, "donors are connected", func() bool { return len(d.Over()[w.Transport]) == n })
	}
	up(3)
	program := w.Page(pagingSize, pagingLimit, "--duration", "20s", "--threads", "4")
	w.onBoth(d, donors[1:])
	leased := w.leave(donors[2])
	before := w.sessions(donors...)

	// unaffected checks what a clock that is set must not change.
	unaffected := func(there ...*Donor) {
		w.Helper()
		time.Sleep(clockSettles)
		if !program.Running() {
			w.Error("the program has ended already: this shows nothing")
		}
		for _, donor := range there {
			now := w.sessions(donor)[donor.Name]
			if !slices.EqualFunc(now, before[donor.Name], func(a, b status.DonorSession) bool { return a.UUID == b.UUID && a.Since.Equal(b.Since) }) {
				w.Errorf("sessions of %s were %+v and are %+v", donor.Name, before[donor.Name], now)
			}
		}
		if s := d.CheckIO(); s.IO.Failovers != 0 {
			w.Errorf("%d slabs failed over", s.IO.Failovers)
		}
		up(len(there))
		var names, want []string
		for _, donor := range there {
			want = append(want, donor.Name)
		}
		var members []struct{ Name string }
		list := w.Must(append([]string{"farswap", "cluster", "members", "--json"}, join...)...)
		if err := json.Unmarshal([]byte(list), &members); err != nil {
			w.Fatalf("%s: %v", list, err)
		}
		for _, m := range members {
			names = append(names, m.Name)
		}
		if !slices.Equal(names, want) {
			w.Errorf("members of the cluster: %v, want %v", names, want)
		}
	}

	w.Phase("a day ahead")
	clock.by(24 * time.Hour)
	unaffected(donors...)
	if w.leases(donors[2]) != 1 {
		w.Errorf("a lease of %v has ended after %v", clockLease, time.Since(leased))
	}
	w.Phase("draining %s", donors[1].Name)
	w.Start(nil, "farswap", "donor", "drain", donors[1].Name).Succeed(time.Minute)
	if m := d.Status().Moves; m.Slabs == 0 || m.Dropped != 0 {
		w.Errorf("%+v: want slabs moved, none dropped", m)
	}

	w.Phase("a day back")
	clock.by(-48 * time.Hour)
	unaffected(donors[0], donors[2])
	w.refused(append(w.SwapOptions("64M", donors[:1]), "--id", "9"), "identity.crt", "it is valid from", "this machine's clock")
	w.Until(clockLease, "the lease ends", func() bool { return w.leases(donors[2]) == 0 })
	if took := time.Since(leased); took < clockLease {
		w.Errorf("a lease of %v ended after %v", clockLease, took)
	}

	w.Phase("as it was")
	clock.by(24 * time.Hour)
	program.Check(3 * time.Minute)
	if s := d.CheckIO(); s.IO.Failovers != 0 {
		w.Errorf("%d slabs failed over", s.IO.Failovers)
	}
	for _, donor := range donors {
		if log := donor.Stderr(); strings.Contains(log, "its session was ended") || strings.Contains(log, "two donors have one name") {
			w.Errorf("%s: %s", donor.Name, tail(log, 5))
		}
	}
	d.SwapOff()
	d.Stop()
}

// clock is how far a scenario has set the machine's time of day off.
type clock struct {
	*World
	off time.Duration
}

// moveClock is what sets the clock, which the end of the scenario sets right.
func (w *World) moveClock() *clock {
	c := &clock{World: w}
	w.Defer(func() { c.by(-c.off) })
	return c
}

// by moves the time of day.
func (c *clock) by(by time.Duration) {
	c.Helper()
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_REALTIME, &now)
	if err == nil {
		now = unix.NsecToTimespec(now.Nano() + int64(by))
		err = unix.ClockSettime(unix.CLOCK_REALTIME, &now)
	}
	if err != nil {
		c.Fatalf("set the clock by %v: %v", by, err)
	}
	c.off += by
}

// leave maps a slab at a donor, as a device that is then lost, and returns when it was.
func (w *World) leave(donor *Donor) time.Time {
	w.Helper()
	id, err := control.LoadIdentity(w.Identity("device"))
	if err != nil {
		w.Fatal(err)
	}
	s, err := control.Dial(w.ctx, donor.Address, control.DialConfig{
		Device: control.NewUUID(), Name: "lost", SlabSize: control.MinSlab, Identity: id,
	})
	if err != nil {
		w.Fatal(err)
	}
	if _, err := s.Map(w.ctx, 0, control.MinSlab, false, w.Transport); err != nil {
		w.Fatal(err)
	}
	left := time.Now()
	_ = s.Close() // never fails
	w.Until(commandTimeout, "the slab is under lease", func() bool { return w.leases(donor) == 1 })
	return left
}

// leases counts the lost devices of which a donor keeps slabs.
func (w *World) leases(d *Donor) int { w.Helper(); return len(w.donorStatus(d).Leases) }

// sessions are those of donors, by name.
func (w *World) sessions(donors ...*Donor) map[string][]status.DonorSession {
	w.Helper()
	all := map[string][]status.DonorSession{}
	for _, d := range donors {
		all[d.Name] = w.donorStatus(d).Sessions
	}
	return all
}
