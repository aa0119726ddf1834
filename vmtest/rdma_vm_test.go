//go:build vm

package vmtest

import (
	"path/filepath"
	"slices"
	"time"
)

// What only RDMA has: adapters that come and go.

// adapterRemoved takes each end's adapter away under load and gives it back, then
// the port of this machine's end.
func adapterRemoved(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors, "--grace", "1s")
	w.underHistory(d, 7, func() {
		for _, adapter := range []Adapter{ownAdapter(1), donorAdapter(1)} {
			w.onBoth(d, donors)
			w.Phase("removing %s", adapter.Name)
			w.RemoveAdapter(adapter)
			w.lost(d, donors[0])
			w.Phase("adding %s", adapter.Name)
			w.AddAdapter(adapter)
			w.used(d, donors[0])
		}
		w.onBoth(d, donors)
		w.Phase("port down")
		w.SetPort(1, "down")
		w.lost(d, donors[0])
		w.Phase("port up")
		w.SetPort(1, "up")
		w.RemoveAdapter(ownAdapter(1))
		w.AddAdapter(ownAdapter(1))
		w.used(d, donors[0])
	})
	d.CheckIO()
	d.Stop()
}

// auto starts without adapters: pages travel over TCP. A donor to which this
// machine connects later, with an adapter at both ends, is used over RDMA.
func auto(w *World) {
	w.wire(1)
	w.wire(2)
	var donors []*Donor
	for n := 1; n <= 2; n++ {
		donors = append(donors, w.DonorHere(n, "80M", "--transport", "auto"))
	}
	over := func(d *Device, transport string, donor *Donor) {
		w.Helper()
		w.Until(time.Minute, donor.Name+" is used over "+transport, func() bool {
			return slices.Contains(d.Over()[transport], donor.Name) && DonorState(d.Status(), donor.Name).Slabs > 0
		})
	}
	d := w.Add(append(w.SwapOptions("128M", donors), "--transport", "auto", "--grace", "1s")...)
	w.underHistory(d, 8, func() {
		for _, donor := range donors {
			over(d, TCP, donor)
		}
		for n, donor := range donors {
			w.AddAdapter(ownAdapter(n + 1))
			w.AddAdapter(donorAdapter(n + 1))
			w.Phase("starting %s again, now with adapters", donor.Name)
			donor.Stop()
			donor.Restart()
			over(d, RDMA, donor)
		}
		w.Phase("removing %s", ownAdapter(1).Name)
		w.RemoveAdapter(ownAdapter(1))
		over(d, TCP, donors[0])
		over(d, RDMA, donors[1])
		w.Phase("removing %s", donorAdapter(2).Name)
		w.RemoveAdapter(donorAdapter(2))
		over(d, TCP, donors[1])
		w.Phase("adding both, starting the donors again")
		w.AddAdapter(ownAdapter(1))
		w.AddAdapter(donorAdapter(2))
		for _, donor := range donors {
			donor.Kill()
			donor.Restart()
			over(d, RDMA, donor)
		}
	})
	d.CheckIO()
	d.Stop()
}

// insist wants RDMA where it cannot be had, at each end.
func insist(w *World) {
	w.wire(1)
	w.OnlyError(w.Run("farswap", "donor", "--listen", donorHost(1)+":9400", "--memory", "64M", "--cert", w.Identity(donorName(1)),
		"--name", donorName(1), "--transport", RDMA), 1, "RDMA")

	w.Phase("no adapter, and a donor without RDMA")
	donor := w.DonorHere(1, "64M", "--transport", TCP)
	options := w.SwapOptions("64M", []*Donor{donor})
	w.refused(options, "RDMA")
	w.NoFile(filepath.Join(w.Dir, "backing"))

	w.Phase("adapters, and a donor without RDMA")
	w.AddAdapter(ownAdapter(1))
	w.AddAdapter(donorAdapter(1))
	w.refused(options, donor.Address, "rdma")
	w.NoFile(filepath.Join(w.Dir, "backing"))
}
