//go:build vm

package vmtest

import (
	"path/filepath"
	"strings"
	"time"
)

// suspendable is a disk that can be suspended: whatever is asked of it then waits.
type suspendable struct {
	w    *World
	name string
	path string // of the block device
}

// suspendableDisk makes a disk of so many bytes, which a file on the scratch disk holds.
func (w *World) suspendableDisk(size string) suspendable {
	w.Helper()
	file := filepath.Join(w.Dir, "disk")
	w.Must("modprobe", "-a", "loop", "dm_mod")
	w.Must("fallocate", "--length", size, file)
	loop := strings.TrimSpace(w.Must("losetup", "--find", "--show", file))
	w.Defer(func() { w.Must("losetup", "--detach", loop) })
	d := suspendable{w: w, name: "vmtest-disk"}
	sectors := strings.TrimSpace(w.Must("blockdev", "--getsz", loop))
	w.Must("dmsetup", "--noudevsync", "create", d.name, "--table", "0 "+sectors+" linear "+loop+" 0")
	w.Defer(func() { w.Must("dmsetup", "--noudevsync", "remove", d.name) })
	// Nobody makes its node in /dev/mapper here: that is udev's.
	d.path = "/dev/" + strings.TrimSpace(w.Must("dmsetup", "info", "--columns", "--noheadings", "--options", "blkdevname", d.name))
	return d
}

// stall has the disk answer nothing while f runs.
func (d suspendable) stall(f func()) {
	d.w.Helper()
	// Neither flushing nor freezing: both would wait for the users of the disk.
	d.w.Must("dmsetup", "--noudevsync", "suspend", "--nolockfs", "--noflush", d.name)
	defer d.w.Must("dmsetup", "--noudevsync", "resume", d.name) // also on Fatal
	f()
}

// diskStalls has the disk of the backing file answer nothing for a while under swap, then
// the disk and the network of a donor at the same time. Nothing is given up.
func diskStalls(w *World) {
	disk := w.suspendableDisk("128M")
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors, "--backing", disk.path)
	d.SwapOn()
	program := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "4", "--pattern", "uniform")
	w.onBoth(d, donors)
	before := d.Status().IO.Failovers
	const long = 5 * time.Second
	well := func() {
		w.Helper()
		w.wellAgain(d, donors)
		if s := d.CheckIO(); s.IO.Failovers != before || !s.BackingOK {
			w.Errorf("%d slabs failed over; the backing file works: %t", s.IO.Failovers-before, s.BackingOK)
		}
	}

	w.Phase("the disk stalls for %v", long)
	disk.stall(func() { time.Sleep(long) })
	well()
	w.Phase("the disk stalls for %v, and %s is cut off meanwhile", long, donors[0].Name)
	disk.stall(func() { w.cut(donors[:1])(long) })
	well()
	s := d.Status()
	w.Logf("%s was suspended for %v; pages: %+v", donors[0].Name, nanos(DonorState(s, donors[0].Name).Suspended), s.Pages)
	if DonorState(s, donors[0].Name).Suspensions == 0 {
		w.Errorf("%s was not suspended: this shows too little", donors[0].Name)
	}
	program.Told(4 * time.Minute)
	d.CheckIO()
	d.SwapOff()
	d.Stop()
}
