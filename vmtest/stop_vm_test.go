//go:build vm

package vmtest

import (
	"strings"
	"syscall"
	"time"
)

// How a device ends.

// alive checks that a device still serves.
func (w *World) alive(d *Device) {
	w.Helper()
	if s := d.Status(); s.State != "live" || !d.Running() {
		w.Fatalf("%s is %s", d.Path, s.State)
	}
	w.Must("dd", "if="+d.Path, "of=/dev/null", "bs=4k", "count=1", "iflag=direct")
}

func stopRefused(w *World) {
	d := w.Swap("64M", w.donors(1, "64M"))
	d.SwapOn()
	w.OnlyError(w.Run("farswap", "ublk", "stop", d.ID()), 3, d.Path, "swapoff")
	w.OnlyError(w.Run("farswap", "ublk", "del", d.ID()), 3, d.Path, "swapoff")
	w.alive(d)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		before := strings.Count(d.Stderr(), "not stopping")
		d.Signal(s)
		w.Until(10*time.Second, "the log says that the server does not stop", func() bool {
			return strings.Count(d.Stderr(), "not stopping") > before
		})
		w.alive(d)
	}
	d.SwapOff()
	d.Stop()
}

// signals stops servers of every target by a signal.
func signals(w *World) {
	donors := w.donors(1, "64M")
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, d := range []*Device{w.Add("--target", "null", "--size", "64M"), w.Swap("64M", donors)} {
			d.Signal(syscall.SIGHUP) // asks to read files again, and stops nothing
			w.Until(10*time.Second, "the log says that files are read again", func() bool {
				return strings.Contains(d.Stderr(), "read certificates, lists and keys again")
			})
			w.alive(d)
			d.Signal(s)
			d.Succeed(commandTimeout)
			w.NoFile(d.Path)
		}
	}
	w.Phase("stop while requests are in flight")
	d := w.Swap("64M", donors)
	load := w.Start(nil, "fio", "--name=load", "--filename="+d.Path, "--rw=randrw", "--bs=4k", "--iodepth=32", "--ioengine=libaio",
		"--direct=1", "--time_based", "--runtime=60", "--thread")
	w.Until(30*time.Second, "requests are in flight", func() bool { return d.Status().IO.Writes > 100 })
	d.Signal(syscall.SIGTERM)
	d.Succeed(commandTimeout)
	w.NoFile(d.Path)
	if r := load.Wait(commandTimeout); r.Code == 0 {
		w.Error("fio went on without a device")
	}
}

// serverKilled kills a server that nobody's data depends on, and removes what
// it leaves.
func serverKilled(w *World) {
	for _, options := range [][]string{
		{"--target", "null", "--size", "64M"},
		w.SwapOptions("64M", w.donors(1, "64M")),
	} {
		d := w.Add(options...)
		d.Kill()
		list := w.Must("farswap", "ublk", "list")
		if !strings.Contains(list, d.Path) || !strings.Contains(list, "dead") {
			w.Errorf("ublk list does not show a dead device: %s", list)
		}
		w.OnlyError(w.Run("farswap", "ublk", "stop", d.ID()), 1, "farswap ublk del "+d.ID())
		w.OnlyError(w.Run("farswap", "ublk", "add", "--target", "null", "--size", "64M", "--id", d.ID()), 1, d.ID())
		w.Must("farswap", "ublk", "del", d.ID())
		w.NoFile(d.Path)
		w.NoFile("/dev/ublkc" + d.ID())
	}
}

// twoDevices share a donor and do not see each other's pages.
func twoDevices(w *World) {
	donors := w.donors(1, "192M")
	a := w.Swap("64M", donors)
	b := w.Swap("64M", donors, "--backing", w.Dir+"/other")
	job := Fio{RW: "randwrite", Block: "16k", Depth: 8, Jobs: 2, PerJob: 8 << 20, Timeout: time.Minute}
	job.Name, job.Options = "first", []string{"--randseed=1"}
	first := w.fio(a.Path, job)
	job.Name, job.Options = "second", []string{"--randseed=2"}
	second := w.fio(b.Path, job)
	for _, p := range []runningFio{first, second} {
		if _, err := p.result(time.Minute); err != nil {
			w.Error(err)
		}
	}
	w.OnlyError(w.Run("farswap", "ublk", "status"), 2, "several devices")
	a.CheckIO()
	b.CheckIO()
	a.Stop()
	b.Stop()
}
