package vmtest

import (
	"os"
	"time"

	"github.com/farswap/farswap/status"
)

// Donor is a donor on a machine of its own.
type Donor struct {
	*Process
	w       *World
	n       int
	Name    string
	Address string // HOST:PORT of its control port
	argv    []string
}

// Donor makes machine n, 1 to MaxDonors, and starts a donor on it.
func (w *World) Donor(n int, memory string, options ...string) *Donor {
	w.Helper()
	w.machine(n)
	return w.DonorHere(n, memory, options...)
}

// DonorHere is Donor on a machine that is there already.
func (w *World) DonorHere(n int, memory string, options ...string) *Donor {
	w.Helper()
	d := &Donor{w: w, n: n, Name: donorName(n), Address: donorHost(n) + ":9400"}
	d.argv = append(w.on(n),
		"farswap", "donor", "--listen", d.Address, "--memory", memory,
		"--cert", w.Identity(d.Name), "--name", d.Name, "--transport", w.Transport)
	d.argv = append(d.argv, options...)
	d.Restart()
	return d
}

// Restart starts the donor, for the first time or after its end.
func (d *Donor) Restart() {
	d.w.Helper()
	p := d.w.Start(nil, d.argv...)
	d.Process = p
	d.w.Defer(func() {
		if p.Running() {
			d.stop(p)
		}
	})
	socket := status.Socket(status.DonorDir(status.DefaultRoot, d.Name))
	d.w.Until(30*time.Second, d.Name+" starts", func() bool {
		if !p.Running() {
			d.w.Fatalf("%s did not start: %s", d.Name, p.Stderr())
		}
		_, err := os.Stat(socket)
		return err == nil && d.lockedBy(p.PID())
	})
}

// lockedBy says whether the donor's folder is this process's, and not what a
// killed one left.
func (d *Donor) lockedBy(pid int) bool {
	holder, alive, err := status.Holder(status.DonorDir(status.DefaultRoot, d.Name))
	return err == nil && alive && holder == pid
}

// Kill is kill -9. What it leaves of its state folder is removed at the end.
func (d *Donor) Kill() {
	d.w.Helper()
	d.w.Defer(func() { os.RemoveAll(status.DonorDir(status.DefaultRoot, d.Name)) })
	d.Process.Kill()
}

// Stop ends the donor in good order.
func (d *Donor) Stop() { d.w.Helper(); d.stop(d.Process) }

func (d *Donor) stop(p *Process) {
	d.w.Helper()
	p.cmd.Process.Signal(os.Interrupt)
	if r := p.Wait(commandTimeout); r.Code != 0 {
		d.w.Errorf("%s: exit code %d: %s", d.Name, r.Code, tail(r.Stderr, 5))
	}
}
