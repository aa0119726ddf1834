//go:build vm

package vmtest

import (
	"context"
	"path/filepath"
	"sync"
	"time"
)

const (
	clusterDonors  = 12
	clusterDevices = 4
	gossipPort     = ":9403"
)

// clusterLives has donors and devices find each other by gossip alone: donors come
// late, one leaves in good order, one dies and comes back, and a third of them are
// cut off for a while. No device is told anything, and no page is wrong.
func clusterLives(w *World) {
	w.Must("sysctl", "-q", "net.ipv4.ip_forward=1")
	w.Defer(func() { w.Must("sysctl", "-q", "net.ipv4.ip_forward=0") })
	key := filepath.Join(w.Dir, "gossip.key")
	w.Must("farswap", "cluster", "key", key)
	join := []string{"--gossip-key", key, "--join", donorHost(1) + gossipPort, "--join", donorHost(2) + gossipPort}

	var donors []*Donor
	start := func(n int) {
		w.machine(n)
		w.Must("ip", "-n", donorName(n), "route", "add", "default", "via", ownHost(n))
		options := append([]string{"--gossip-listen", donorHost(n) + gossipPort, "--headroom", "16M"}, join...)
		donors = append(donors, w.DonorHere(n, "24M", options...))
	}
	for n := 1; n <= clusterDonors-2; n++ {
		start(n)
	}
	var devices []*Device
	for range clusterDevices {
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

	known(clusterDonors - 2)
	w.Phase("two donors join")
	start(clusterDonors - 1)
	start(clusterDonors)
	known(clusterDonors)

	w.Phase("one leaves, one dies")
	w.Start(nil, "farswap", "donor", "drain", donors[1].Name).Succeed(time.Minute)
	donors[2].Kill()
	known(clusterDonors - 2)
	donors[2].Restart()
	known(clusterDonors - 1)

	w.Phase("a third of them are cut off")
	for _, donor := range donors[4:8] {
		donor.CutLink()
	}
	known(clusterDonors - 5)
	w.Log(w.Must("farswap", "cluster", "members", "--gossip-key", key, "--join", donorHost(1)+gossipPort))
	w.Phase("and are back")
	for _, donor := range donors[4:8] {
		donor.RestoreLink()
	}
	known(clusterDonors - 1)

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
