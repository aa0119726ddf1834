//go:build vm

package vmtest

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const gossipPort = ":9403"

// cluster has machines reach one another, and returns the options with which
// donors and devices take part in a new cluster.
func (w *World) cluster() (join []string) {
	w.Helper()
	if w.Transport == TCP { // over RDMA all machines are this one
		w.Must("sysctl", "-q", "net.ipv4.ip_forward=1")
		w.Defer(func() { w.Must("sysctl", "-q", "net.ipv4.ip_forward=0") })
	}
	key := filepath.Join(w.Dir, "gossip.key")
	w.Must("farswap", "cluster", "key", key)
	return []string{"--gossip-key", key, "--join", donorHost(1) + gossipPort, "--join", donorHost(2) + gossipPort}
}

// member starts a donor that takes part in the cluster, on machine n.
func (w *World) member(n int, memory string, join []string, options ...string) *Donor {
	w.Helper()
	w.machine(n)
	if w.Transport == TCP {
		w.Must("ip", "-n", donorName(n), "route", "add", "default", "via", ownHost(n))
	}
	options = append(append(options, "--gossip-listen", donorHost(n)+gossipPort), join...)
	return w.DonorHere(n, memory, options...)
}

// clusterLives has donors and devices find each other by gossip alone: donors come
// late, one leaves in good order, one dies and comes back, and a third of them are
// cut off for a while. No device is told anything, and no page is wrong. Over RDMA
// the cluster is a small one: what differs is how pages travel. So it is in the short
// run: sixteen programs that gossip take all that two emulated processors have.
func clusterLives(w *World) {
	total, users := 12, 4
	switch {
	case w.Transport == RDMA:
		total, users = 5, 2
	case testing.Short():
		total, users = 7, 2
	}
	join := w.cluster()
	var donors []*Donor
	start := func(n int) { donors = append(donors, w.member(n, "24M", join, "--headroom", "16M")) }
	for n := 1; n <= total-2; n++ {
		start(n)
	}
	var devices []*Device
	for range users {
		options := []string{
			"--size", "40M", "--slab", "4M", "--hot", "1", "--queues", "1", "--transport", w.Transport,
			"--backing", filepath.Join(w.Dir, "backing-"+string(rune('a'+len(devices)))), "--cert", w.Identity("device"),
		}
		devices = append(devices, w.Add(append(options, join...)...))
	}
	known := func(n int) {
		w.Helper()
		for _, d := range devices {
			begun := time.Now()
			w.Until(time.Minute, d.Path+" is connected to the donors that are there", func() bool {
				up := 0
				for _, donor := range d.Status().Donors {
					if donor.State == "up" {
						up++
					}
				}
				return up == n
			})
			w.Logf("%s has %d donors after %v", d.Path, n, time.Since(begun).Round(100*time.Millisecond))
		}
	}
	ctx, cancel := context.WithCancel(w.ctx)
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel()
	for i, d := range devices {
		playing.Go(func() {
			// Sixteen real programs on two emulated processors: just enough to be noticed.
			h := History{Path: d.Path, Seed: uint64(i), Workers: 1, Pages: 8 * 1024, Run: 8, Pause: 20 * time.Millisecond, Discard: DiscardDevice}
			n, err := h.Play(ctx)
			if err != nil {
				w.Errorf("history on %s: %v", d.Path, err)
			}
			w.Logf("history on %s: %+v", d.Path, n)
		})
	}

	known(total - 2)
	w.Phase("two donors join")
	start(total - 1)
	start(total)
	known(total)

	w.Phase("one leaves, one dies")
	w.Start(nil, "farswap", "donor", "drain", donors[1].Name).Succeed(time.Minute)
	donors[2].Kill()
	known(total - 2)
	donors[2].Restart()
	known(total - 1)

	cut := donors[3 : 3+total/3]
	w.Phase("%d of them are cut off", len(cut))
	for _, donor := range cut {
		donor.CutLink()
	}
	known(total - 1 - len(cut))
	// Of those to join, one has left: the other has three seconds to answer, while all
	// devices fail over.
	w.Until(30*time.Second, "the cluster's members are listed", func() bool {
		r := w.Run(append([]string{"farswap", "cluster", "members"}, join...)...)
		w.Log(r.Stdout + r.Stderr)
		return r.Code == 0
	})
	w.Phase("and are back")
	for _, donor := range cut {
		donor.RestoreLink()
	}
	known(total - 1)

	cancel()
	playing.Wait()
	moved, failovers := uint64(0), uint64(0)
	for _, d := range devices {
		s := d.CheckIO()
		moved, failovers = moved+s.Moves.Slabs, failovers+s.IO.Failovers
		d.Stop()
	}
	w.Logf("%d slabs moved, %d failed over", moved, failovers)
	if moved == 0 || failovers == 0 {
		w.Error("no slab moved, or none was lost: this shows nothing")
	}
}
