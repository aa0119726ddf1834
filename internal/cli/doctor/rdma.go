package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
)

// Where the nodes of RDMA are.
const rdmaNodes = "dev/infiniband"

// rdmaChecks are about the way to an RDMA port, from the hardware up: ports,
// connection manager, libraries. What is missing further down explains what is
// missing above.
func (m *machine) rdmaChecks(devices []rdma.DeviceInfo) []check {
	ports := m.checkPorts(devices)
	return append(ports, m.checkManager(), m.checkLibraries())
}

func (m *machine) checkPorts(devices []rdma.DeviceInfo) []check {
	if len(devices) == 0 {
		return []check{{
			Area: areaRDMA, Name: "RDMA device", State: checkMissing, Found: "none",
			Advice: "load the network card's driver; to try it without, modprobe rdma_rxe; rdma link add rxe0 type rxe netdev NETDEV",
		}}
	}
	var ports []check
	for _, d := range devices {
		node := m.checkNode(d)
		for _, p := range d.Ports {
			c := node
			c.Name = fmt.Sprintf("%s port %d", d.Name, p.Port)
			if c.State == checkOK {
				c = checkPort(c, p)
			}
			ports = append(ports, c)
		}
	}
	if slices.ContainsFunc(ports, func(c check) bool { return c.State == checkOK }) {
		for i := range ports {
			ports[i].optional = true // one that works is enough
		}
	}
	return ports
}

// checkLibraries is about this program's own way to RDMA.
func (m *machine) checkLibraries() check {
	c := check{Area: areaRDMA, Name: "libibverbs", State: checkOK, Found: "finds a device"}
	if err := m.libraries(); err != nil {
		c.State = checkMissing
		c.Found = strings.TrimPrefix(strings.Replace(command.OneLine(err), verbs.ErrUnavailable.Error()+": ", "", 1), "RDMA: ")
	}
	return c
}

// checkManager is about rdma_cm, which makes connections.
func (m *machine) checkManager() check {
	c := check{Area: areaRDMA, Name: "rdma_cm"}
	c.State, c.Found = m.openNode("rdma_cm")
	switch c.State {
	case checkMissing:
		c.Advice = "modprobe rdma_ucm (container --device /dev/infiniband)"
	case checkWarn:
		c.Advice = m.asRoot("see its mode and group")
	}
	return c
}

// checkNode is about a device's node.
func (m *machine) checkNode(d rdma.DeviceInfo) check {
	c := check{Area: areaRDMA}
	if d.Verbs == "" {
		c.State, c.Found, c.Advice = checkMissing, "the kernel gives no access to it", "modprobe ib_uverbs"
		return c
	}
	c.State, c.Found = m.openNode(d.Verbs)
	switch c.State {
	case checkMissing:
		c.Advice = "let udev make it (container --device /dev/infiniband)"
	case checkWarn:
		c.Advice = m.asRoot("see its mode and group")
	}
	return c
}

// openNode tries whether a node can be used. Opening it has no effect.
func (m *machine) openNode(name string) (verdict, string) {
	path := filepath.Join(rdmaNodes, name)
	f, err := os.OpenFile(filepath.Join(m.root, path), os.O_RDWR, 0)
	switch {
	case err == nil:
		_ = f.Close()
		return checkOK, "/" + path
	case errors.Is(err, os.ErrNotExist):
		return checkMissing, "no /" + path
	case errors.Is(err, os.ErrPermission):
		return m.lacking(), "no permission for /" + path
	default:
		return checkMissing, command.OneLine(err)
	}
}

// checkPort is about the state of a port whose node can be used.
func checkPort(c check, p rdma.PortInfo) check {
	switch {
	case !p.Active():
		c.State, c.Found = checkWarn, fmt.Sprintf("%s (%s)", p.State, p.PhysState)
		c.Advice = "look at the cable and the switch"
		if len(p.Netdevs) > 0 {
			c.Advice = fmt.Sprintf("ip link set %s up, look at the cable and the switch", p.Netdevs[0].Name)
		}
	case !hasAddress(p):
		c.State, c.Found, c.Advice = checkWarn, "it has no IP address", "give its network device one: ip addr add ADDRESS/BITS dev NETDEV"
		if len(p.Netdevs) > 0 {
			c.Advice = "ip addr add ADDRESS/BITS dev " + p.Netdevs[0].Name
		}
	default:
		c.Found = fmt.Sprintf("%s, %s, by %s", p.State, p.Rate, c.Found)
	}
	return c
}

// hasAddress says whether a port can be reached by an address that is not
// link-local.
func hasAddress(p rdma.PortInfo) bool {
	for _, g := range p.GIDs {
		if g.Netdev != "" && !g.GID.IsLinkLocalUnicast() {
			return true
		}
	}
	for _, n := range p.Netdevs {
		for _, a := range n.Addresses {
			if !a.IsLinkLocalUnicast() {
				return true
			}
		}
	}
	return false
}
