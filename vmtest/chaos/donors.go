package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/farswap/farswap/status"
)

// donorMachine runs the donors, with proxies before them, and obeys orders.
type donorMachine struct {
	certs, out string
	memory     string
	donors     [donorCount]*donor
}

// donor is one donor, in a network namespace of its own, and the proxies before its ports.
type donor struct {
	machine *donorMachine
	n       int
	proxies []*proxy // before the control port, and the port of pages

	mu   sync.Mutex // guards down; held while the donor starts
	down bool       // it is to stay away for a while
}

// runDonors is the donors' machine. It ends with an order to stop.
func runDonors(args []string) error {
	flags := flag.NewFlagSet("donors", flag.ContinueOnError)
	m := &donorMachine{out: os.Getenv("OUT")}
	flags.StringVar(&m.certs, "certs", "", "folder of identities")
	flags.StringVar(&m.memory, "memory", "64M", "of each donor")
	seed := flags.Uint64("seed", 1, "what flipped bits follow from")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := errors.Join(ownPrograms(), protect(), m.network()); err != nil {
		return err
	}
	for i := range m.donors {
		d := &donor{machine: m, n: i + 1}
		m.donors[i] = d
		if err := d.prepare(*seed); err != nil {
			return err
		}
		if err := d.start(); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(agentAddress, agentPort))
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
		go m.serve(c, l)
	}
}

// network joins the links.
func (m *donorMachine) network() error {
	lines := []string{
		"modprobe virtio_net",
		"ip address add " + agentAddress + "/24 dev eth1",
		"ip link set eth1 up",
		"ip link set eth0 mtu " + pageMTU + " up",
	}
	for n := 1; n <= donorCount; n++ {
		lines = append(lines, "ip address add "+proxyHost(n)+"/24 dev eth0")
	}
	return runAll(lines...)
}

// serve obeys one order. An order to stop closes the listener.
func (m *donorMachine) serve(c net.Conn, l net.Listener) {
	defer c.Close()
	var o order
	if json.NewDecoder(c).Decode(&o) != nil {
		return
	}
	a := answer{}
	err := m.obey(o, &a)
	if o.Do != "stop" {
		err = errors.Join(err, m.revive())
	}
	if errors.Is(err, errMissing) {
		a.Missing = true
	} else if err != nil {
		a.Error = err.Error()
	}
	_ = json.NewEncoder(c).Encode(a) // who asked may be gone
	if o.Do == "stop" {
		_ = l.Close()
	}
}

// revive starts the donors that the OOM killer has ended.
func (m *donorMachine) revive() error {
	var errs []error
	for _, d := range m.donors {
		errs = append(errs, d.start())
	}
	return errors.Join(errs...)
}

// obey carries an order out.
func (m *donorMachine) obey(o order, a *answer) error {
	f := o.Fault
	if f.Donor < 1 || f.Donor > donorCount {
		f.Donor = 1
	}
	d := m.donors[f.Donor-1]
	dice := time.Duration(f.Dice % 1000) // 0 to 999, of so many thousandths
	switch Kind(o.Do) {
	case "ready", "stop":
		return nil
	case "clock":
		return setClock(o.By)
	case DonorKill:
		return d.killed(f.For)
	case DonorStop:
		return d.stopped(f.For)
	case DonorMemory:
		return hog(f.For)
	case DonorUpgrade:
		return d.upgraded()
	case Cut:
		return d.under(weather{Refuse: true}, f.For, a)
	case Silence:
		return d.under(weather{Hold: true}, f.For, a)
	case Delay:
		return d.under(weather{Delay: 10*time.Millisecond + 90*time.Microsecond*dice}, f.For, a)
	case Reorder:
		return d.under(weather{Jitter: 20*time.Millisecond + 80*time.Microsecond*dice}, f.For, a)
	case Corrupt:
		return d.under(weather{Corrupt: 0.02 + 0.2*float64(f.Dice%1000)/1000}, f.For, a)
	}
	return fmt.Errorf("no such order: %q", o.Do)
}

func (d *donor) name() string { return donorName(d.n) }

// host is the donor's own address, behind its proxies.
func (d *donor) host() string { return fmt.Sprintf("10.99.%d.2", d.n) }

// prepare makes the donor's network and its proxies.
func (d *donor) prepare(seed uint64) error {
	ns := d.name()
	err := runAll(
		"ip netns add "+ns,
		"ip link add "+ns+" type veth peer name eth0 netns "+ns,
		fmt.Sprintf("ip address add 10.99.%d.1/24 dev %s", d.n, ns),
		"ip link set "+ns+" up",
		"ip -n "+ns+" address add "+d.host()+"/24 dev eth0",
		"ip -n "+ns+" link set eth0 up",
		"ip -n "+ns+" link set lo up",
	)
	if err != nil {
		return err
	}
	for i, port := range []string{"9400", "9401"} {
		p, err := startProxy(net.JoinHostPort(proxyHost(d.n), port), net.JoinHostPort(d.host(), port), seed+uint64(2*d.n+i))
		if err != nil {
			return err
		}
		d.proxies = append(d.proxies, p)
	}
	return nil
}

// start starts the donor if it is neither there nor to stay away, and waits until it serves.
func (d *donor) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.pid(); d.down || err == nil {
		return nil
	}
	cmd, err := start(filepath.Join(d.machine.out, d.name()+".log"), "nsenter", "--net=/run/netns/"+d.name(),
		"farswap", "donor", "--listen", ":9400", "--memory", d.machine.memory, "--headroom", "24M",
		"--cert", filepath.Join(d.machine.certs, d.name()), "--name", d.name(), "--transport", "tcp")
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // how it ends is a matter of faults
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(d.host(), "9401"), time.Second)
		if err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("%s does not serve a minute after its start: see its log", d.name())
}

// pid is the process that serves now: an upgrade changes it.
func (d *donor) pid() (int, error) {
	pid, alive, err := status.Holder(status.DonorDir(status.DefaultRoot, d.name()))
	if err == nil && !alive {
		err = fmt.Errorf("%s has no process", d.name())
	}
	return pid, err
}

// killed kills the donor, and starts it again after a while.
func (d *donor) killed(away time.Duration) error {
	d.stayAway(true)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		pid, err := d.pid()
		if err != nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s, process %d, does not end, even killed", d.name(), pid)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
	}
	time.Sleep(away)
	d.stayAway(false)
	return d.start()
}

func (d *donor) stayAway(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// stopped stops the donor for a while.
func (d *donor) stopped(while time.Duration) error {
	pid, err := d.pid()
	if err != nil {
		return nil // the other fault of a pair has killed it
	}
	// The process may end meanwhile, by another fault.
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	time.Sleep(while)
	_ = syscall.Kill(pid, syscall.SIGCONT)
	return nil
}

// upgraded has a new process take the donor's place.
func (d *donor) upgraded() error {
	if !hasCommand("donor", "upgrade") {
		return errMissing
	}
	_, err := run("nsenter", "--net=/run/netns/"+d.name(), "farswap", "donor", "upgrade", d.name())
	if _, gone := d.pid(); gone != nil {
		return nil // the other fault of a pair has killed it
	}
	return err
}

// under has a weather before the donor for a while. Bits are flipped of pages only: what controls a donor is
// encrypted, and would break off.
func (d *donor) under(w weather, while time.Duration, a *answer) error {
	before := d.proxies[1].flips()
	control := w
	control.Corrupt = 0
	ends := []func(){d.proxies[0].begin(control), d.proxies[1].begin(w)}
	time.Sleep(while)
	for _, end := range ends {
		end()
	}
	a.Flipped = d.proxies[1].flips() - before
	return nil
}
