package vmtest

import (
	"os"
	"syscall"
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

// Upgrade has a new process of the installed program take the donor over, and returns when it serves.
func (d *Donor) Upgrade() {
	d.w.Helper()
	old := d.holder()
	if d.PID() == old {
		d.w.Defer(d.endHeir)
	}
	d.w.Start(nil, append(d.w.on(d.n), "farswap", "donor", "upgrade", d.Name)...).Succeed(3 * time.Minute)
	if d.PID() == old {
		if r := d.Wait(commandTimeout); r.Code != 0 {
			d.w.Errorf("%s: the process that was replaced ended with %d: %s", d.Name, r.Code, tail(r.Stderr, 5))
		}
	}
	if heir := d.holder(); heir == old {
		d.w.Fatalf("%s is still process %d after its upgrade", d.Name, old)
	}
}

// holder is the process that has the donor.
func (d *Donor) holder() int {
	d.w.Helper()
	pid, alive, err := status.Holder(status.DonorDir(status.DefaultRoot, d.Name))
	if err != nil || !alive {
		d.w.Fatalf("%s has no process: %v", d.Name, err)
	}
	return pid
}

// endHeir ends the process that a donor goes on in. It is no child of this one.
func (d *Donor) endHeir() {
	heir := d.holder()
	if err := syscall.Kill(heir, syscall.SIGINT); err != nil {
		d.w.Errorf("end %s, process %d: %v", d.Name, heir, err)
	}
	d.w.Until(commandTimeout, d.Name+" has ended", func() bool { return !d.lockedBy(heir) })
}
