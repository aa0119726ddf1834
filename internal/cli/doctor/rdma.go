package doctor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
)

// rdmaChecks are about the way to an RDMA port, from the hardware up: ports,
// connection manager, libraries. What is missing further down explains what is
// missing above.
func rdmaChecks(m *machine.Machine, devices []rdma.DeviceInfo) []check {
	ports := checkPorts(m, devices)
	return append(ports, checkManager(m), checkLibraries(m))
}

func checkPorts(m *machine.Machine, devices []rdma.DeviceInfo) []check {
	if len(devices) == 0 {
		return []check{{
			Area: areaRDMA, Name: "RDMA device", State: machine.Missing, Found: "none",
			Advice: "load the network card's driver; to try it without, modprobe rdma_rxe; rdma link add rxe0 type rxe netdev NETDEV",
		}}
	}
	var ports []check
	for _, d := range devices {
		node := checkNode(m, d)
		for _, p := range d.Ports {
			c := node
			c.Name = fmt.Sprintf("%s port %d", d.Name, p.Port)
			if c.State == machine.OK {
				c = checkPort(c, p)
			}
			ports = append(ports, c)
		}
	}
	if slices.ContainsFunc(ports, func(c check) bool { return c.State == machine.OK }) {
		for i := range ports {
			ports[i].optional = true // one that works is enough
		}
	}
	return ports
}

// checkLibraries is about this program's own way to RDMA.
func checkLibraries(m *machine.Machine) check {
	state, err := m.Libraries()
	c := check{Area: areaRDMA, Name: "libibverbs", State: state, Found: "finds a device"}
	if err != nil {
		c.Found = strings.TrimPrefix(strings.Replace(command.OneLine(err), verbs.ErrUnavailable.Error()+": ", "", 1), "RDMA: ")
	}
	return c
}

// checkManager is about rdma_cm, which makes connections.
func checkManager(m *machine.Machine) check {
	c := check{Area: areaRDMA, Name: "rdma_cm"}
	c.State, c.Found = openNode(m, machine.Manager)
	switch c.State {
	case machine.Missing:
		c.Advice = "modprobe rdma_ucm (container --device /dev/infiniband)"
	case machine.Warn:
		c.Advice = asRoot(m, "see its mode and group")
	}
	return c
}

// checkNode is about a device's node.
func checkNode(m *machine.Machine, d rdma.DeviceInfo) check {
	c := check{Area: areaRDMA}
	if d.Verbs == "" {
		c.State, c.Found, c.Advice = machine.Missing, "the kernel gives no access to it", "modprobe ib_uverbs"
		return c
	}
	c.State, c.Found = openNode(m, d.Verbs)
	switch c.State {
	case machine.Missing:
		c.Advice = "let udev make it (container --device /dev/infiniband)"
	case machine.Warn:
		c.Advice = asRoot(m, "see its mode and group")
	}
	return c
}

// openNode says whether a node can be used.
func openNode(m *machine.Machine, name string) (machine.State, string) {
	state, path, err := m.Node(name)
	switch {
	case err == nil:
		return state, path
	case errors.Is(err, os.ErrNotExist):
		return state, "no " + path
	case errors.Is(err, os.ErrPermission):
		return state, "no permission for " + path
	default:
		return state, command.OneLine(err)
	}
}

// checkPort is about the state of a port whose node can be used.
func checkPort(c check, p rdma.PortInfo) check {
	switch {
	case !p.Active():
		c.State, c.Found = machine.Warn, fmt.Sprintf("%s (%s)", p.State, p.PhysState)
		c.Advice = "look at the cable and the switch"
		if len(p.Netdevs) > 0 {
			c.Advice = fmt.Sprintf("ip link set %s up, look at the cable and the switch", p.Netdevs[0].Name)
		}
	case !machine.HasAddress(p):
		c.State, c.Found, c.Advice = machine.Warn, "it has no IP address", "give its network device one: ip addr add ADDRESS/BITS dev NETDEV"
		if len(p.Netdevs) > 0 {
			c.Advice = "ip addr add ADDRESS/BITS dev " + p.Netdevs[0].Name
		}
	default:
		c.Found = fmt.Sprintf("%s, %s, by %s", p.State, p.Rate, c.Found)
	}
	return c
}
