package rdma

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/farswap/farswap/verbs"
)

// Kind is how a port carries RDMA.
type Kind string

// The kinds.
const (
	KindRoCEv2     Kind = "RoCE v2"
	KindRoCEv1     Kind = "RoCE v1"
	KindIWARP      Kind = "iWARP"
	KindInfiniBand Kind = "InfiniBand"
)

// Choice is where connections from an address go.
type Choice struct {
	Device string     `json:"device"`
	Port   int        `json:"port"`
	Kind   Kind       `json:"kind"`
	GID    GIDInfo    `json:"gid"`
	Netdev string     `json:"netdev"`
	Local  netip.Addr `json:"local"` // the address to bind to
	// MTU is the path MTU to expect, in bytes; 0 where it is not known ahead:
	// InfiniBand asks the subnet manager, iWARP leaves it to TCP.
	MTU    int    `json:"mtu"`
	Reason string `json:"reason"`

	active bool
	state  string
	netMTU int
}

// Choose says which device, port and GID connections from the address local use,
// and why: the choice that rdma_cm makes in the kernel. On RoCE the GID is that
// of the address, rather v2 than v1; with iWARP and InfiniBand the address is that
// of the port's network device. 0.0.0.0 stands for every address of IPv4, :: for
// those of IPv6, the zero Addr for both: it takes the first that an active port has.
//
// cfg.Device, cfg.Port and cfg.GIDIndex are insisted on. The errors are
// verbs.ErrConfig for a cfg that cannot be met, and verbs.ErrUnavailable for an
// address without RDMA or a port that is down; both say what to do.
func Choose(devices []DeviceInfo, local netip.Addr, cfg Config) (Choice, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Choice{}, err
	}
	local = local.Unmap()
	if len(devices) == 0 {
		return Choice{}, fmt.Errorf("%w: there is no RDMA device: load the driver of the network card, or make one in software: modprobe rdma_rxe; rdma link add rxe0 type rxe netdev NETDEV", verbs.ErrUnavailable)
	}
	devices, err = insisted(devices, cfg)
	if err != nil {
		return Choice{}, err
	}
	all := candidates(devices, local)
	found := all
	if cfg.GIDIndex >= 0 {
		found = slices.DeleteFunc(slices.Clone(all), func(c Choice) bool { return c.GID.Index != cfg.GIDIndex })
	}
	switch {
	case len(all) == 0:
		return Choice{}, noRDMA(devices, local)
	case len(found) == 0:
		return Choice{}, fmt.Errorf("GID %d does not belong to %s, the GIDs there are %s: %w", cfg.GIDIndex, whose(local), gidList(all), verbs.ErrConfig)
	}
	best := slices.MinFunc(found, func(a, b Choice) int { return a.rank() - b.rank() })
	return best.finish(cfg)
}

// insisted keeps the device and the port that cfg names.
func insisted(devices []DeviceInfo, cfg Config) ([]DeviceInfo, error) {
	if cfg.Device == "" {
		return devices, nil
	}
	i := slices.IndexFunc(devices, func(d DeviceInfo) bool { return d.Name == cfg.Device })
	if i < 0 {
		var names []string
		for _, d := range devices {
			names = append(names, d.Name)
		}
		return nil, fmt.Errorf("RDMA device %q is not here, there is %s: %w", cfg.Device, strings.Join(names, ", "), verbs.ErrConfig)
	}
	d := devices[i]
	if cfg.Port != 0 {
		d.Ports = slices.DeleteFunc(slices.Clone(d.Ports), func(p PortInfo) bool { return p.Port != cfg.Port })
		if len(d.Ports) == 0 {
			return nil, fmt.Errorf("RDMA device %s has no port %d but %d of them: %w", d.Name, cfg.Port, len(devices[i].Ports), verbs.ErrConfig)
		}
	}
	return []DeviceInfo{d}, nil
}

// candidates are all ways to send from the address, in the devices' order.
func candidates(devices []DeviceInfo, local netip.Addr) []Choice {
	var found []Choice
	for _, d := range devices {
		for _, p := range d.Ports {
			c := Choice{Device: d.Name, Port: p.Port, active: p.Active(), state: p.State + " (" + p.PhysState + ")"}
			if d.NodeType != NodeRNIC && p.LinkLayer == LinkEthernet {
				found = append(found, c.byGID(p, local)...)
			} else {
				found = append(found, c.byNetdev(d, p, local)...)
			}
		}
	}
	return found
}

// byGID are the ways of RoCE: its GIDs are made of the addresses.
func (c Choice) byGID(p PortInfo, local netip.Addr) []Choice {
	var found []Choice
	for _, g := range p.GIDs {
		if !matches(g.GID, g.Netdev, local) {
			continue
		}
		c.GID, c.Netdev, c.Local, c.Kind = g, g.Netdev, g.GID, KindRoCEv2
		if g.GID.IsLinkLocalUnicast() {
			c.Local = g.GID.WithZone(g.Netdev)
		}
		c.Reason = fmt.Sprintf("GID %d is that of %s", g.Index, g.GID)
		if g.Type != GIDRoCEv2 {
			c.Kind = KindRoCEv1
			c.Reason += ", of RoCE v1: it reaches peers of the same Ethernet segment only, and both need v1 as their default_roce_mode"
		}
		for _, n := range p.Netdevs {
			if n.Name == g.Netdev {
				c.netMTU = n.MTU
			}
		}
		found = append(found, c)
	}
	return found
}

// byNetdev are the ways of InfiniBand and iWARP: their GIDs are the hardware's.
func (c Choice) byNetdev(d DeviceInfo, p PortInfo, local netip.Addr) []Choice {
	var found []Choice
	for _, n := range p.Netdevs {
		for _, a := range n.Addresses {
			if !matches(a.WithZone(""), n.Name, local) {
				continue
			}
			c.Netdev, c.Local, c.netMTU = n.Name, a, n.MTU
			c.Kind, c.Reason = KindInfiniBand, fmt.Sprintf("IPoIB device %s of this port has %s", n.Name, a)
			if d.NodeType == NodeRNIC {
				c.Kind, c.Reason = KindIWARP, fmt.Sprintf("%s below this port has %s", n.Name, a)
			}
			if len(p.GIDs) > 0 {
				c.GID = p.GIDs[0]
			}
			found = append(found, c)
		}
	}
	return found
}

// matches compares an address of a network device with the wanted one.
func matches(have netip.Addr, netdev string, local netip.Addr) bool {
	if !local.IsValid() || local.IsUnspecified() && local.Is4() == have.Is4() {
		return true
	}
	return have == local.WithZone("") && (local.Zone() == "" || local.Zone() == netdev)
}

// rank is lower for the better choice.
func (c Choice) rank() int {
	rank := 0
	if !c.active {
		rank += 4
	}
	if c.Kind == KindRoCEv1 {
		rank += 2
	}
	if c.Local.IsLinkLocalUnicast() { // matters where every address is right
		rank++
	}
	return rank
}

// finish checks what was chosen.
func (c Choice) finish(cfg Config) (Choice, error) {
	if !c.active {
		return Choice{}, fmt.Errorf("%w: port %d of %s, which has %s, is %s: set its link up (ip link set %s up), look at the cable and the switch",
			verbs.ErrUnavailable, c.Port, c.Device, c.Local, c.state, c.Netdev)
	}
	roce := c.Kind == KindRoCEv1 || c.Kind == KindRoCEv2
	if roce && c.netMTU > 0 {
		if c.MTU = RoCEMTU(c.netMTU); c.MTU == 0 {
			return Choice{}, fmt.Errorf("%w: the MTU of %s is %d, RoCE needs %d: ip link set %s mtu 1500", verbs.ErrUnavailable, c.Netdev, c.netMTU, roceHeaders+256, c.Netdev)
		}
	}
	if cfg.MTU != 0 && c.Kind != KindIWARP && (c.MTU == 0 || cfg.MTU < c.MTU) {
		c.MTU = cfg.MTU
	}
	if cfg.Device != "" || cfg.GIDIndex >= 0 {
		c.Reason += ", as asked for"
	}
	return c, nil
}
