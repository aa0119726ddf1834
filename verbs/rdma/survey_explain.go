package rdma

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/farswap/farswap/verbs"
)

// noRDMA says why an address has no RDMA and which ones have.
func noRDMA(devices []DeviceInfo, local netip.Addr) error {
	all := candidates(devices, netip.Addr{})
	linkLocal := func(c Choice) bool { return c.Local.IsLinkLocalUnicast() }
	if global := slices.DeleteFunc(slices.Clone(all), linkLocal); len(global) > 0 {
		all = global
	}
	var have []string
	for _, c := range all {
		text := fmt.Sprintf("%s (%s port %d)", c.Local, c.Device, c.Port)
		if !c.active {
			text = fmt.Sprintf("%s (%s port %d, %s)", c.Local, c.Device, c.Port, c.state)
		}
		if !slices.Contains(have, text) {
			have = append(have, text)
		}
	}
	if len(have) == 0 {
		var names []string
		for _, d := range devices {
			names = append(names, d.Name)
		}
		return fmt.Errorf("%w: no port of %s has an address: give its network device one (ip addr add ADDRESS/BITS dev NETDEV) and set it up", verbs.ErrUnavailable, strings.Join(names, ", "))
	}
	if local.IsUnspecified() {
		return fmt.Errorf("%w: no RDMA device has %s: use one of %s", verbs.ErrUnavailable, whose(local), strings.Join(have, ", "))
	}
	return fmt.Errorf("%w: %s belongs to no RDMA device: use an address that does, %s, or add soft-RoCE to its network device (rdma link add rxe0 type rxe netdev NETDEV)",
		verbs.ErrUnavailable, local, strings.Join(have, ", "))
}

// whose names an address, or what one stands for that is not specified.
func whose(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "any address"
	case !a.IsUnspecified():
		return a.String()
	case a.Is4():
		return "any IPv4 address"
	default:
		return "any IPv6 address"
	}
}

func gidList(all []Choice) string {
	var list []string
	for _, c := range all {
		list = append(list, fmt.Sprintf("%d (%s port %d)", c.GID.Index, c.Device, c.Port))
	}
	return strings.Join(list, ", ")
}
