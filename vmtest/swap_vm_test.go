//go:build vm

package vmtest

import "time"

// Programs that use twice the memory that they may have.

const (
	pagingSize  = 64 << 20
	pagingLimit = 32 << 20
	pagingTime  = 5 * time.Second // of each pattern of access
)

func swap(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors)
	d.SwapOn()
	w.Page(pagingSize, pagingLimit, "--duration", w.Shorten(pagingTime).String(), "--threads", "4").Check(4 * time.Minute)
	s := d.CheckIO()
	w.Logf("pages: %+v", s.Pages)
	for _, donor := range donors {
		if DonorState(s, donor.Name).Slabs == 0 {
			w.Errorf("%s has no slab", donor.Name)
		}
	}
	if s.IO.RemoteReads == 0 || !s.Swap {
		w.Errorf("swap %v, %d pages read from donors", s.Swap, s.IO.RemoteReads)
	}
	// The program has ended: the kernel discards what it had, when it uses the
	// slots again, and all of it with swapoff.
	d.SwapOff()
	d.Stop()
}

// swaponOption lets `ublk add` do mkswap and swapon.
func swaponOption(w *World) {
	d := w.Swap("96M", w.donors(1, "96M"), "--swapon", "--priority", "5")
	if s := d.Status(); !s.Swap {
		w.Error("the device is not swap")
	}
	w.Page(32<<20, 16<<20, "--duration", "3s").Check(2 * time.Minute)
	d.CheckIO()
	d.SwapOff()
	d.Stop()
}
