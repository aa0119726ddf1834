//go:build vm

package vmtest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// Requests of every shape come back as they were written, wherever they lie.

// donors starts n donors that lend memory each.
func (w *World) donors(n int, memory string) []*Donor {
	w.Helper()
	var donors []*Donor
	for i := 1; i <= n; i++ {
		donors = append(donors, w.Donor(i, memory))
	}
	return donors
}

// verifyMatrix is the matrix of the acceptance: random and sequential, 4 KiB to
// 1 MiB, depth 1 to 64, four jobs, mixed with trims. A queue full of the largest
// requests takes the emulated machine longer than a donor may take by default.
func verifyMatrix(w *World) {
	donors := w.donors(2, "128M")
	d := w.Swap("256M", donors, "--max-io", "1M", "--op-timeout", "20s")
	blocks := []struct {
		size   string
		perJob int // what emulation does in two seconds
	}{{"4k", 1 << 20}, {"64k", 4 << 20}, {"1m", 8 << 20}}
	for _, block := range blocks {
		if testing.Short() {
			block.perJob /= 2
		}
		for _, rw := range []string{"write", "randwrite", "randtrimwrite"} {
			for _, depth := range []int{1, 8, 64} {
				if rw == "randtrimwrite" && depth == 8 {
					continue // fio verifies these very slowly
				}
				if (w.Transport == RDMA || testing.Short()) && (depth == 8 || rw == "write" && depth == 1) {
					continue // enough of the matrix to see the limits
				}
				w.Verify(d.Path, Fio{
					Name: fmt.Sprintf("%s-%s-depth%d", rw, block.size, depth), RW: rw, Block: block.size,
					Depth: depth, Jobs: 4, PerJob: block.perJob, Timeout: time.Minute,
				})
			}
		}
	}
	s := d.CheckIO()
	for _, donor := range donors {
		if DonorState(s, donor.Name).Slabs == 0 {
			w.Errorf("%s has no slab", donor.Name)
		}
	}
	w.Logf("per-page state: %.3f%% of the device", s.Memory.PerPageShare)
	if s.Memory.PerPageShare > 0.6 {
		w.Errorf("per-page state takes %.3f%% of the device: at most 0.6%%", s.Memory.PerPageShare)
	}
	d.Stop()
}

func verifyStrict(w *World) {
	d := w.Swap("256M", w.donors(2, "96M"), "--ack", "strict")
	for _, rw := range []string{"randwrite", "randtrimwrite"} {
		w.Verify(d.Path, Fio{Name: "strict-" + rw, RW: rw, Block: "16k", Depth: 16, Jobs: 4, PerJob: 4 << 20, Timeout: time.Minute})
	}
	d.CheckIO()
	d.Stop()
}

// afterwards is how many operations of a history follow what was done under it: twenty
// for each of its workers, of every kind. Donors may be slow, and the machine, too.
const afterwards = 160

// history is one of eight workers that use the first 128 MiB of a device.
func (d *Device) history(seed uint64) History {
	return History{Path: d.Path, Seed: seed, Workers: 8, Pages: 4096, Run: 64, Discard: DiscardDevice}
}

// play plays a history until ctx ends, or it is at its end. It must find every page
// right. It may be called on any goroutine.
func (w *World) play(ctx context.Context, h History) {
	w.Helper()
	n, err := h.Play(ctx)
	if err != nil {
		w.Errorf("history with seed %d: %v", h.Seed, err)
	}
	w.Logf("history: %d writes, %d reads, %d discards", n.Writes, n.Reads, n.Discards)
}

// underHistory plays a history on a device while f does what it does, and for some
// operations more.
func (w *World) underHistory(d *Device, seed uint64, f func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	var (
		done  atomic.Int64
		ended = make(chan struct{})
		h     = d.history(seed)
	)
	h.Done = &done
	if testing.Short() {
		h.Pause = 10 * time.Millisecond // else it takes the processors from what is waited for
	}
	go func() {
		defer close(ended)
		w.play(ctx, h)
	}()
	defer func() { // also on Fatal
		cancel()
		<-ended
	}()
	f()
	target := done.Load() + afterwards
	w.Until(90*time.Second, "the history goes on", func() bool { return done.Load() >= target || isClosed(ended) })
}

// isClosed says whether a channel on which nothing is sent is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func historyOnDonors(w *World) {
	d := w.Swap("128M", w.donors(2, "128M"))
	h := d.history(1)
	h.Ops = 300
	w.play(w.ctx, h)
	s := d.CheckIO()
	if s.IO.RemoteReads == 0 || s.IO.RemoteWrites == 0 {
		w.Errorf("no donor was used: %+v", s.IO)
	}
	d.Stop()
}

// write fills the first megabytes of a device, with checksums, and returns the
// fio job that reads them back.
func (w *World) write(d *Device, megabytes int) Fio {
	w.Helper()
	f := Fio{Name: "fill", RW: "write", Block: "64k", Depth: 4, Jobs: 1, PerJob: megabytes << 20, Timeout: time.Minute}
	w.Verify(d.Path, f)
	f.Name, f.Options = "read-again", []string{"--verify_only=1"}
	return f
}

func copiesRemoteFirst(w *World) { w.copies("remote-first") }
func copiesStrict(w *World)      { w.copies("strict") }

// copies checks that after a flush each page that a donor has is in the backing
// file as well, and that the backing file alone then serves all of them.
func (w *World) copies(ack string) {
	donors := w.donors(2, "64M")
	d := w.Swap("64M", donors, "--ack", ack)
	w.write(d, 32) // maps the slabs
	again := w.write(d, 32)
	w.Must("sync", d.Path)
	s := d.CheckIO()
	w.Logf("pages: %+v", s.Pages)
	if s.Ack != ack || s.Pages.Both < 32<<20/pageSize || s.Pages.Remote != 0 {
		w.Errorf("ack %s; pages after a flush: %+v: want %d or more with both copies", s.Ack, s.Pages, 32<<20/pageSize)
	}
	for _, donor := range donors {
		donor.Kill()
	}
	w.Verify(d.Path, again)
	if s := d.CheckIO(); s.Pages.Both != 0 || s.Pages.Backing < 32<<20/pageSize || !s.Degraded {
		w.Errorf("degraded %v (%s); pages after the loss of all donors: %+v", s.Degraded, s.Reason, s.Pages)
	}
	d.Stop()
}

// withoutBacking has its pages on donors only, as the user accepted.
func withoutBacking(w *World) {
	d := w.Swap("64M", w.donors(2, "128M"), "--backing", "none", "--accept-loss")
	w.write(d, 48)
	s := d.CheckIO()
	if s.Pages.Remote < 48<<20/pageSize || s.Pages.Backing != 0 || s.Pages.Both != 0 {
		w.Errorf("pages: %+v", s.Pages)
	}
	d.Stop()
}
