//go:build vm

package vmtest

import (
	"flag"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/farswap/farswap/status"
)

// Donors behind a slow network: the placement by latency moves hot slabs away from one
// that is slow, leaves all alone that are slow alike, and uses one again that is well.

// flapping is how long slow-donor has its donor slow and well in turns.
var flapping = flag.Duration("flapping", 0, "have slow-donor's donor slow and well in turns for so long; see ./do flapping")

// Shape of a device of these scenarios. A part of it is filled; what follows is for new
// slabs.
const (
	slowSlab    = 4 << 20
	slowSlabs   = 6 // filled
	slowSpare   = 6
	slowReaders = 2
	slowPages   = slowSlabs * slowSlab / pageSize
	slowPeriod  = 2 * time.Second
	slowDelay   = 20 * time.Millisecond
)

// farAway is slowDelay, or what is as much for a machine whose reads take long anyway:
// above four times their p99, which makes a donor slow.
func farAway(p99 time.Duration) time.Duration {
	return max(slowDelay, (6 * p99).Round(time.Millisecond))
}

// slowDevice is a device over donors whose filled slabs are all on donors.
func (w *World) slowDevice(name string, donors []*Donor, options ...string) *Device {
	w.Helper()
	o := []string{
		"--size", strconv.Itoa((slowSlabs + slowSpare) * slowSlab), "--slab", strconv.Itoa(slowSlab), "--hot", "1",
		"--backing", filepath.Join(w.Dir, name), "--queues", "1", "--transport", w.Transport, "--cert", w.Identity("device"), "--name", name,
	}
	for _, d := range donors {
		o = append(o, "--donor", d.Address)
	}
	d := w.Add(append(o, options...)...)
	w.Until(commandTimeout, "all donors are up", func() bool { return len(d.Over()[w.Transport]) == len(donors) })
	w.Until(time.Minute, "all slabs are mapped", func() bool {
		w.Fill(d.Path, 0, slowPages)
		mapped := 0
		for _, s := range d.Status().Slabs {
			if s.State == "mapped" {
				mapped++
			}
		}
		return mapped == slowSlabs
	})
	w.Fill(d.Path, 0, slowPages) // what was written before its slab was mapped is not there
	return d
}

// readers read a device all the time, and its donors' usual latencies are known.
func (w *World) readers(d *Device, donors []*Donor) *Readers {
	w.Helper()
	r := w.Read(d.Path, 0, slowPages, slowReaders)
	w.Until(2*time.Minute, "each donor's usual latency is known", func() bool {
		known := 0
		for _, donor := range d.Status().Donors {
			if donor.Baseline > 0 {
				known++
			}
		}
		return known == len(donors)
	})
	d.logDonors()
	return r
}

// glance is the p99 of a few seconds of reads.
func (w *World) glance(d *Device) time.Duration {
	w.Helper()
	r := w.Read(d.Path, 0, slowPages, slowReaders)
	defer r.Stop()
	return r.P99(3 * time.Second)
}

// netem has the network to donors behave as tc-netem(8) is told; well without words.
func (w *World) netem(donors []*Donor, how ...string) {
	w.Helper()
	for _, d := range donors {
		w.Run("tc", "qdisc", "del", "dev", d.Name, "root")
		if len(how) > 0 {
			w.Must(append([]string{"tc", "qdisc", "add", "dev", d.Name, "root", "netem"}, how...)...)
		}
	}
}

// logDonors shows what the placement knows.
func (d *Device) logDonors() {
	d.w.Helper()
	for _, donor := range d.Status().Donors {
		d.w.Logf("%s: %s has %d slabs, p99 %v, when all is well %v, slow %t", d.Path, donor.Name, donor.Slabs, nanos(donor.P99), nanos(donor.Baseline), donor.Slow)
	}
}

// mostMoves is how often the slab that moved most did so within any ten minutes.
func mostMoves(s status.Device) int {
	most := 0
	at := map[int][]time.Time{}
	for _, d := range s.Decisions {
		if d.From == "" || d.To == "" {
			continue
		}
		times := append(at[d.Slab], d.At)
		for len(times) > 0 && d.At.Sub(times[0]) >= 10*time.Minute {
			times = times[1:]
		}
		at[d.Slab] = times
		most = max(most, len(times))
	}
	return most
}

func slowDonor(w *World)         { slowDonorBy(w, "server") }
func slowDonorByKernel(w *World) { slowDonorBy(w, "kernel") }

// slowDonorBy slows one of three donors down, under a device that places by latency, as
// the server or the kernel measures it, and one that places as in the paper.
func slowDonorBy(w *World, by string) {
	donors := w.donors(3, "128M")
	period := slowPeriod
	if *flapping > 0 {
		period = 5 * time.Second
	}
	paper := w.slowDevice("paper", donors, "--placement", "paper")
	steered := w.slowDevice("steered", donors, "--placement", "latency", "--slow-by", by, "--slow-period", period.String())
	slow := donors[0]
	if n := DonorState(paper.Status(), slow.Name).Slabs; n == 0 {
		w.Fatalf("%s has no slab of %s: this shows nothing", slow.Name, paper.Path)
	}
	on := func() status.Donor { return DonorState(steered.Status(), slow.Name) }
	paperBefore := w.glance(paper)
	reads := w.readers(steered, donors)
	before := reads.P99(8 * time.Second)
	delay := farAway(before)

	w.Phase("%s is %v farther away", slow.Name, delay)
	w.netem(donors[:1], "delay", delay.String())
	begun := time.Now()
	w.Until(30*time.Second, "its hot slabs are elsewhere", func() bool { return on().Slow && on().Slabs == 0 })
	w.Logf("its hot slabs were elsewhere after %v", time.Since(begun).Round(100*time.Millisecond))
	var after time.Duration
	w.Until(40*time.Second, "p99 is within 1.5 times what it was", func() bool {
		after = reads.P99(4 * time.Second)
		return after <= before*3/2
	})
	paperAfter := w.glance(paper)
	w.Logf("p99 of reads: by latency %v, then %v; as in the paper %v, then %v", nanos(int64(before)), nanos(int64(after)), nanos(int64(paperBefore)), nanos(int64(paperAfter)))
	if paperAfter < delay {
		w.Errorf("p99 with the paper's placement is %v: the donor is not slow, this shows nothing", paperAfter)
	}
	steered.logDonors()
	w.explains(steered, slow)

	w.Phase("%s is as near as before", slow.Name)
	w.netem(donors[:1])
	begun = time.Now()
	next := slowPages
	w.Until(time.Minute, "it gets new slabs", func() bool {
		if on().Slow { // what is mapped now goes elsewhere
			return false
		}
		w.Fill(steered.Path, next, 16)
		next = slowPages + (next-slowPages+slowSlab/pageSize)%(slowSpare*slowSlab/pageSize)
		return on().Slabs > 0
	})
	w.Logf("it got a new slab after %v", time.Since(begun).Round(100*time.Millisecond))
	for end := time.Now().Add(*flapping); time.Now().Before(end); {
		w.netem(donors[:1], "delay", delay.String())
		time.Sleep(45 * time.Second)
		w.netem(donors[:1])
		time.Sleep(45 * time.Second)
		steered.logDonors()
	}
	w.steady(steered)
	if s := paper.Status(); s.Moves.Slabs != 0 {
		w.Errorf("%d slabs moved with the paper's placement", s.Moves.Slabs)
	}
	reads.Stop()
	steered.CheckIO()
	paper.CheckIO()
	steered.Stop()
	paper.Stop()
}

// steady checks that no slab moves to and fro.
func (w *World) steady(d *Device) {
	w.Helper()
	s := d.Status()
	most := mostMoves(s)
	w.Logf("%s: %d slabs moved, no slab more than %d times in ten minutes", d.Path, s.Moves.Slow, most)
	if most > 2 || most == 0 {
		w.Errorf("a slab moved %d times in ten minutes, want 1 or 2", most)
	}
}

// explains checks that `ublk why` tells of a slab that left a slow donor.
func (w *World) explains(d *Device, slow *Donor) {
	w.Helper()
	for _, decision := range d.Status().Decisions {
		if decision.From == slow.Name && decision.To != "" {
			text := w.Must("farswap", "ublk", "why", "--id", d.ID(), strconv.Itoa(decision.Slab))
			w.Log(text)
			for _, part := range []string{"moved from " + slow.Name + " to " + decision.To, slow.Name + " was slow: p99 ", "when all is well"} {
				if !strings.Contains(text, part) {
					w.Errorf("no %q in it", part)
				}
			}
			return
		}
	}
	w.Error("no decision tells of a slab that left the slow donor")
}

// slowAlike has all donors slow alike, then noisy alike: nothing moves.
func slowAlike(w *World) {
	donors := w.donors(3, "64M")
	d := w.slowDevice("alike", donors, "--placement", "latency", "--slow-period", slowPeriod.String())
	reads := w.readers(d, donors)
	before := reads.P99(4 * time.Second)
	far, noise := farAway(before).String(), max(2*time.Millisecond, before.Round(time.Millisecond)).String()
	for _, how := range [][]string{{"delay", far}, {"delay", noise, noise}} {
		w.Phase("%v on all donors", how)
		w.netem(donors, how...)
		time.Sleep(time.Second)
		if during := reads.P99(8 * slowPeriod); during < before*6/5 {
			w.Errorf("p99 is %v, and was %v before: this shows nothing", during, before)
		}
		d.logDonors()
		w.netem(donors)
		time.Sleep(time.Second)
	}
	s := d.CheckIO()
	for _, donor := range s.Donors {
		if donor.Slow {
			w.Errorf("%s is taken for slow", donor.Name)
		}
	}
	if s.Moves.Slabs != 0 {
		w.Errorf("%d slabs moved: want none", s.Moves.Slabs)
	}
	reads.Stop()
	d.Stop()
}
