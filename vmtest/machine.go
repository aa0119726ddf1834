package vmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The transports that a scenario can run over, as --transport has them.
const (
	TCP  = "tcp"
	RDMA = "rdma"
)

// The machines of donors. A veth pair joins each to this one: donorN here, with
// the address 10.99.N.1, and 10.99.N.2 there.
//
// Over TCP a machine is a network namespace. Soft RDMA (rxe) of 6.12 works in
// the first namespace only: over RDMA both ends are in it, each with an adapter of
// its own, and rules keep what one end sends to the other from taking the short
// way. So packets pass the link, which can be slowed down and cut, and the two
// ends of a connection have different adapters.

// twoEndsHere lets packets travel from one address of a machine to another over
// the network: the table of the machine's own addresses, which comes first
// otherwise, comes after the rules that a wire adds. An interface answers for its
// own address only: a switch here would answer for the ends.
var twoEndsHere = [][]string{
	{"ip", "rule", "add", "pref", "1000", "lookup", "local"},
	{"ip", "rule", "del", "pref", "0"},
	{"sysctl", "-q", "net.ipv4.conf.all.accept_local=1", "net.ipv4.conf.all.arp_ignore=1"},
}

// machine makes the machine of donor n.
func (w *World) machine(n int) {
	w.Helper()
	if w.Transport == RDMA {
		w.wire(n)
		w.AddAdapter(ownAdapter(n))
		w.AddAdapter(donorAdapter(n))
		return
	}
	name := donorName(n)
	w.Must("ip", "netns", "add", name)
	w.Defer(func() { w.Must("ip", "netns", "del", name) })
	w.Must("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
	w.Defer(func() { w.Run("ip", "link", "del", name) }) // may have gone with its namespace
	w.Must("ip", "address", "add", ownHost(n)+"/24", "dev", name)
	w.Must("ip", "link", "set", name, "up")
	w.Must("ip", "-n", name, "address", "add", donorHost(n)+"/24", "dev", "eth0")
	w.Must("ip", "-n", name, "link", "set", "eth0", "up")
	w.Must("ip", "-n", name, "link", "set", "lo", "up")
}

// on is what to put before a command that runs on the machine of donor n.
func (w *World) on(n int) []string {
	if w.Transport == RDMA {
		return nil
	}
	return []string{"nsenter", "--net=/run/netns/" + donorName(n)}
}

// wire makes the link to donor n with both ends in this namespace. In its middle
// is a switch, so that it can be cut without an end's noticing: rxe cannot send
// while its port is down, and when the connection manager tries, which it does to
// end a connection, its queue pair fails for good and so does all that follows.
func (w *World) wire(n int) {
	w.Helper()
	middle := wireName(n)
	setup := []string{"link add " + middle + " type bridge", "link set " + middle + " up"}
	undo := []string{"link del " + middle}
	for i, end := range ends(n) {
		other, port, table := ends(n)[1-i], fmt.Sprintf("%s-%d", middle, i), 100+2*n+i
		rule := fmt.Sprintf("pref 100 iif lo to %s lookup %d", other.host, table)
		setup = append(setup,
			fmt.Sprintf("link add %s type veth peer name %s", end.dev, port),
			fmt.Sprintf("link set %s master %s up", port, middle),
			fmt.Sprintf("address add %s/24 dev %s", end.host, end.dev),
			fmt.Sprintf("link set %s up", end.dev),
			"rule add "+rule,
			fmt.Sprintf("route add %s dev %s src %s table %d", other.host, end.dev, end.host, table),
		)
		undo = append(undo, "rule del "+rule, "link del "+end.dev)
	}
	w.Defer(func() { w.batch(undo) })
	w.batch(setup)
	for _, end := range ends(n) {
		w.Until(commandTimeout, end.dev+" is up", func() bool {
			state, _ := os.ReadFile("/sys/class/net/" + end.dev + "/operstate")
			return string(state) == "up\n"
		})
	}
}

// batch runs commands of ip in one process.
func (w *World) batch(commands []string) {
	w.Helper()
	file := filepath.Join(w.Dir, "ip")
	if err := os.WriteFile(file, []byte(strings.Join(commands, "\n")+"\n"), 0o600); err != nil {
		w.Fatal(err)
	}
	w.Must("ip", "-batch", file)
}

// ends are the ends of a wire, this machine's first.
func ends(n int) [2]struct{ host, dev string } {
	return [2]struct{ host, dev string }{{ownHost(n), donorName(n)}, {donorHost(n), farEnd(n)}}
}

// CutLink takes the donor's network away.
func (d *Donor) CutLink() { d.w.Helper(); d.setLink("down") }

// RestoreLink gives it back.
func (d *Donor) RestoreLink() { d.w.Helper(); d.setLink("up") }

func (d *Donor) setLink(state string) {
	d.w.Helper()
	link := d.Name
	if d.w.Transport == RDMA {
		link = wireName(d.n)
	}
	d.w.Must("ip", "link", "set", link, state)
}

// SetPort sets the port of this machine's adapter on the wire to donor n up or
// down. An adapter whose port was down has to be made anew: see wire.
func (w *World) SetPort(n int, state string) {
	w.Helper()
	w.Must("ip", "link", "set", wireName(n)+"-0", state)
}

// Adapter is a soft RDMA device over a network interface.
type Adapter struct{ Name, netdev string }

// ownAdapter is this machine's end of the link to donor n.
func ownAdapter(n int) Adapter { return Adapter{fmt.Sprintf("rxe-own%d", n), donorName(n)} }

// donorAdapter is the donor's.
func donorAdapter(n int) Adapter { return Adapter{"rxe-" + donorName(n), farEnd(n)} }

// AddAdapter makes an adapter.
func (w *World) AddAdapter(a Adapter) {
	w.Helper()
	w.Must("rdma", "link", "add", a.Name, "type", "rxe", "netdev", a.netdev)
	w.Defer(func() { w.Run("rdma", "link", "del", a.Name) }) // the scenario may have done it
}

// RemoveAdapter takes an adapter away. On 6.12 this ends only when no process
// has it open any more, so each must let go of it.
func (w *World) RemoveAdapter(a Adapter) { w.Helper(); w.Must("rdma", "link", "del", a.Name) }

func donorName(n int) string { return fmt.Sprintf("donor%d", n) }
func donorHost(n int) string { return fmt.Sprintf("10.99.%d.2", n) }
func ownHost(n int) string   { return fmt.Sprintf("10.99.%d.1", n) }
func wireName(n int) string  { return fmt.Sprintf("wire%d", n) }
func farEnd(n int) string    { return donorName(n) + "-far" }
