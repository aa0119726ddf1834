//go:build vm

package vmtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/status"
)

// Donors that want their memory back: slabs move while they are in use.

// donorDrained drains one of three donors under load: its slabs move, and it ends.
func donorDrained(w *World) {
	donors := w.donors(3, "80M")
	d := w.Swap("128M", donors)
	w.underHistory(d, 9, func() {
		w.onBoth(d, donors[:2])
		before := d.Status()
		w.Phase("draining %s, which holds %d slabs", donors[0].Name, DonorState(before, donors[0].Name).Slabs)
		begun := time.Now()
		w.Start(nil, "farswap", "donor", "drain", donors[0].Name).Succeed(time.Minute)
		if r := donors[0].Wait(commandTimeout); r.Code != 0 {
			w.Errorf("%s ended with %d after its drain: %s", donors[0].Name, r.Code, tail(r.Stderr, 3))
		}
		s := d.Status()
		w.Logf("drained in %v: %d slabs and %d pages moved, %d slabs dropped, the last in %v", time.Since(begun).Round(time.Millisecond),
			s.Moves.Slabs, s.Moves.Pages, s.Moves.Dropped, time.Duration(s.Moves.Last))
		w.Logf("reads p99 %v before, %v since the start", time.Duration(before.Latency.Read.P99), time.Duration(s.Latency.Read.P99))
		if s.Moves.Slabs == 0 || s.Moves.Pages == 0 || s.Moves.Dropped != 0 || s.IO.Failovers != 0 {
			w.Errorf("%+v, %d failovers: want slabs moved, none dropped or lost", s.Moves, s.IO.Failovers)
		}
		if n := DonorState(s, donors[0].Name).Slabs; n != 0 {
			w.Errorf("%d slabs are still on %s", n, donors[0].Name)
		}
	})
	d.CheckIO()
	d.Stop()
}

// drainedWithoutRoom drains the only donor: the backing file takes over.
func drainedWithoutRoom(w *World) {
	donors := w.donors(1, "160M")
	d := w.Swap("128M", donors)
	w.underHistory(d, 10, func() {
		w.Until(time.Minute, "the donor has slabs", func() bool { return d.Status().Donors[0].Slabs > 0 })
		w.Start(nil, "farswap", "donor", "drain", donors[0].Name).Succeed(time.Minute)
		if s := d.Status(); s.Moves.Dropped == 0 || s.Moves.Slabs != 0 {
			w.Errorf("%+v: want slabs dropped", s.Moves)
		}
	})
	d.CheckIO()
	d.Stop()
}

// headroomKept has a program on a donor's machine grow into the headroom, by 200 MB/s:
// the donor gives memory back, and its slabs move to the donor that keeps next to
// none. All are on this one machine, most of whose memory is taken away before.
func headroomKept(w *World) {
	const (
		leave    = 704 << 20 // available before anything is lent
		headroom = 256 << 20 // a donor lends nothing of the eighth above it, either
		growth   = 320 << 20
		perStep  = 10 << 20
		step     = 50 * time.Millisecond
	)
	w.take(memAvailable(w) - leave)
	donors := []*Donor{
		w.Donor(1, "80M", "--headroom", strconv.Itoa(headroom)),
		w.Donor(2, "160M", "--headroom", "16M"),
	}
	d := w.Swap("128M", donors)
	w.underHistory(d, 11, func() {
		w.onBoth(d, donors)
		held := w.donorStatus(donors[0]).Memory.Mapped
		w.Phase("a program grows by %d MiB, %s holds %d MiB, %d MiB are available", growth>>20, donors[0].Name, held>>20, memAvailable(w)>>20)
		var short time.Time
		for range growth / perStep {
			w.take(perStep)
			if short.IsZero() && memAvailable(w) < headroom {
				short = time.Now()
			}
			time.Sleep(step)
		}
		if short.IsZero() {
			w.Fatalf("the headroom was never short: %d MiB available, %d to keep", memAvailable(w)>>20, headroom>>20)
		}
		w.Until(30*time.Second, "memory is back", func() bool { return w.donorStatus(donors[0]).Memory.Mapped < held })
		s := w.donorStatus(donors[0])
		w.Logf("memory was back within %v of the shortage; donor: %+v", time.Since(short).Round(100*time.Millisecond), s.Memory)
		w.Until(30*time.Second, "the device knows", func() bool { m := d.Status().Moves; return m.Slabs+m.Dropped > 0 })
		w.Logf("device: %+v", d.Status().Moves)
	})
	d.CheckIO()
	d.Stop()
}

// take uses up memory of the machine until the scenario ends.
func (w *World) take(bytes int64) {
	w.Helper()
	mem, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		w.Fatal(err)
	}
	w.Defer(func() { _ = unix.Munmap(mem) })
}

func (w *World) donorStatus(d *Donor) status.DonorDaemon {
	w.Helper()
	s, err := status.FetchDonor(w.ctx, status.Socket(status.DonorDir(status.DefaultRoot, d.Name)))
	if err != nil {
		w.Fatalf("status of %s: %v", d.Name, err)
	}
	return s
}

// memAvailable is the machine's, in bytes.
func memAvailable(w *World) int64 {
	w.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", "meminfo"))
	if err != nil {
		w.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "MemAvailable:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		w.Fatal(err)
	}
	return kib << 10
}
