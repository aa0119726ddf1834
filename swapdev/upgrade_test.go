package swapdev

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/ublk"
)

// Moments at which a successor of a donor ends itself, as a broken program does.
const (
	diesFirst = "before it has locked the memory"
	diesLate  = "when it could serve"
)

// succession is what a process of a donor has to know.
type succession struct {
	Address, Data string
	Heir          string // path of the socket at which it waits for the process before; empty: it is the first
	Dies          string
}

// playHeir is a process of a donor. It does what its standard input says, line by line, and answers each line:
// "pass PATH" hands over to the process that waits there. It ends when it has handed over, or with its
// standard input.
func playHeir(o order) error {
	d, err := o.Succession.open()
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	serve := func() { served <- d.Serve(context.Background()) }
	go serve()
	lines := bufio.NewScanner(os.Stdin)
	for tell("serves"); lines.Scan(); {
		path, pass := strings.CutPrefix(lines.Text(), "pass ")
		if !pass {
			tell(strconv.Itoa(runtime.NumGoroutine()))
			continue
		}
		s, err := passTo(d, path)
		if err == nil {
			tell("passed")
			return errors.Join(<-served, s.Release())
		}
		if s != nil { // the other one, which has ended the connection, is dead
			if err := <-served; err != nil {
				return err
			}
			if d, err = s.Reopen(); err != nil {
				return err
			}
			go serve()
		}
		tell("goes on")
	}
	return errors.Join(d.Close(), <-served)
}

// open opens the donor, or takes it over.
func (o succession) open() (*daemon.Donor, error) {
	cfg := daemon.Config{
		Name: "donor", Listen: o.Address, DataListen: o.Data, Transport: "tcp", Memory: 16 * testSlab, Ahead: 1, Lease: time.Minute,
		Insecure: true, Unlocked: true, Sampler: ownMachine{&testDonor{}}, Log: zerolog.Nop(),
	}
	if o.Heir == "" {
		return daemon.Open(cfg)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: o.Heir, Net: "unix"})
	if err != nil {
		return nil, err
	}
	tell("waits")
	conn, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = l.Close()
	o.die(diesFirst)
	h, err := daemon.Inherit(context.Background(), cfg, conn)
	if err != nil {
		return nil, err
	}
	o.die(diesLate)
	return h.Donor(), h.Confirm(context.Background())
}

func (o succession) die(moment string) {
	if o.Dies == moment {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}

// passTo hands a donor over to the process that waits at a path. After an error the succession is not nil if
// the donor has stopped.
func passTo(d *daemon.Donor, path string) (*daemon.Succession, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	s, err := d.Offer(context.Background(), conn)
	if err != nil {
		return nil, err
	}
	return s, s.Pass(context.Background(), func() error { return nil })
}

func tell(what string) { _ = json.NewEncoder(os.Stdout).Encode(what) }

// heir is such a process, as the test sees it.
type heir struct {
	*part
	in   io.Writer
	path string
}

func startHeir(t *testing.T, o succession) heir {
	t.Helper()
	text, err := json.Marshal(order{Succession: o})
	if err != nil {
		t.Fatal(err)
	}
	p := &part{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), partVar+"=heir", orderVar+"="+string(text))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.end, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return heir{p, in, o.Heir}
}

// ask has the process do something, and returns its answer.
func (h heir) ask(what string) string {
	h.t.Helper()
	if _, err := fmt.Fprintln(h.in, what); err != nil {
		h.t.Fatal(err)
	}
	return h.said()
}

func (h heir) said() (answer string) {
	h.t.Helper()
	h.hear(&answer)
	return answer
}

// wants checks an answer.
func (h heir) wants(when, got, want string) {
	h.t.Helper()
	if got != want {
		h.t.Errorf("%s: the process says %q, want %q", when, got, want)
	}
}

// TestHistoryWithUpgrades hands a donor from process to process under random requests; some successors die.
// Nobody sees an error or a wrong page, no donor is lost, and no process has more goroutines than the one
// before.
func TestHistoryWithUpgrades(t *testing.T) {
	first := startDonorAs(t, testSlab, func(*daemon.Config) {}) // finds a free port
	o := succession{Address: first.address, Data: first.donor.DataAddr()}
	first.kill()
	now := startHeir(t, o)
	defer func() { now.stop() }()
	now.wants("at first", now.said(), "serves")
	r := newRig(t, rigOptions{queues: 2, prepare: func(c *Config) { c.Donors, c.Grace = []string{o.Address}, time.Minute }})
	defer r.close() // before the donor ends
	r.heat(0, 1, 2)
	if res := r.queue(0).do(ublk.OpDiscard, 0, nil, int(r.cfg.Size)); res != 0 {
		t.Fatalf("discard of all: %d", res)
	}
	h := newHistory(r)
	dir := t.TempDir()
	var goroutines []int
	n := h.during(*historyTime, func() {
		for i, dies := range []string{"", diesFirst, "", diesLate, "", "", diesFirst, diesLate, "", ""} {
			when := fmt.Sprintf("upgrade %d, %q", i, dies)
			next := o
			next.Heir, next.Dies = filepath.Join(dir, strconv.Itoa(i)), dies
			to := startHeir(t, next)
			to.wants(when, to.said(), "waits")
			if got := now.ask("pass " + next.Heir); dies == "" {
				now.wants(when, got, "passed")
				to.wants(when, to.said(), "serves")
				now.stop()
				now = to
			} else {
				now.wants(when, got, "goes on")
				_ = to.end.Close()
				_ = to.cmd.Wait() // it was killed
			}
			r.until("the donor is well", func() bool { return r.engine.report().Donors[0].State == string(lenders.StateUp) })
			count, err := strconv.Atoi(now.ask("how many goroutines"))
			if err != nil {
				t.Error(err)
			}
			goroutines = append(goroutines, count)
		}
	})
	s := r.engine.report()
	t.Logf("%d requests, goroutines of the donor %v: %+v %+v", n, goroutines, s.Pages, s.IO)
	if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.IO.Failovers != 0 || s.Pages.Lost != 0 || suspensions(s) == 0 {
		t.Errorf("%+v", s.IO)
	}
	if len(goroutines) == 0 {
		t.Fatal("no upgrade came to its end")
	}
	if first, last := goroutines[0], goroutines[len(goroutines)-1]; last > first+8 {
		t.Errorf("goroutines of the donor: %v", goroutines)
	}
}
