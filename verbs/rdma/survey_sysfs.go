package rdma

import (
	"encoding/hex"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxGIDs bounds how many entries of a GID table are looked at: a soft-RoCE
// device has 1024, of which the used ones come first, and hardware a few hundred.
const maxGIDs = 1024

// The description that the siw driver gives its devices. It has a PCI parent,
// the network card's, whose driver is not siw's.
const siwDescription = "Software iWARP stack"

// sysfs reads below root. Reads do not fail: what is not there is empty.
type sysfs struct {
	root      string
	addresses func(netdev string) []netip.Addr
}

func (s sysfs) path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

func (s sysfs) read(parts ...string) string {
	data, err := os.ReadFile(s.path(parts...))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// word reads a value that follows its number: "4: ACTIVE".
func (s sysfs) word(parts ...string) string {
	text := s.read(parts...)
	if _, word, ok := strings.Cut(text, ":"); ok {
		return strings.TrimSpace(word)
	}
	return text
}

func (s sysfs) names(parts ...string) []string {
	entries, _ := os.ReadDir(s.path(parts...))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// numbers lists the entries that are numbers, in their order.
func (s sysfs) numbers(parts ...string) []int {
	var numbers []int
	for _, name := range s.names(parts...) {
		if n, err := strconv.Atoi(name); err == nil && n >= 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// verbsNodes maps devices to the names of their device nodes.
func (s sysfs) verbsNodes() map[string]string {
	nodes := map[string]string{}
	for _, node := range s.names("class/infiniband_verbs") {
		if device := s.read("class/infiniband_verbs", node, "ibdev"); device != "" {
			nodes[device] = node
		}
	}
	return nodes
}

// hardwareAddresses maps the network devices to their link-layer addresses:
// 6 bytes on Ethernet, 20 on IPoIB.
func (s sysfs) hardwareAddresses() map[string][]byte {
	all := map[string][]byte{}
	for _, name := range s.names("class/net") {
		address, err := hex.DecodeString(strings.ReplaceAll(s.read("class/net", name, "address"), ":", ""))
		if err == nil {
			all[name] = address
		}
	}
	return all
}

func (s sysfs) device(name string, hardware map[string][]byte) (DeviceInfo, bool) {
	dir := filepath.Join("class/infiniband", name)
	d := DeviceInfo{
		Name: name, NodeType: s.word(dir, "node_type"), Driver: s.driver(dir),
		Firmware: s.read(dir, "fw_ver"), Board: s.read(dir, "board_id"),
	}
	for _, port := range s.numbers(dir, "ports") {
		d.Ports = append(d.Ports, s.port(dir, port, d.NodeType, hardware))
	}
	return d, d.NodeType != ""
}

func (s sysfs) driver(dir string) string {
	if s.read(dir, "node_desc") == siwDescription {
		return "siw"
	}
	if target, err := os.Readlink(s.path(dir, "device/driver")); err == nil {
		return filepath.Base(target)
	}
	if s.read(dir, "parent") != "" { // an attribute of rxe's own: its network device
		return "rxe"
	}
	return ""
}

func (s sysfs) port(dir string, port int, nodeType string, hardware map[string][]byte) PortInfo {
	base := filepath.Join(dir, "ports", strconv.Itoa(port))
	p := PortInfo{
		Port: port, State: s.word(base, "state"), PhysState: s.word(base, "phys_state"),
		LinkLayer: s.read(base, "link_layer"), Rate: s.read(base, "rate"),
	}
	for _, i := range s.numbers(base, "gids") {
		if i >= maxGIDs {
			break
		}
		gid, err := parseGID(s.read(base, "gids", strconv.Itoa(i)))
		if err != nil || gid.IsUnspecified() {
			continue
		}
		p.GIDs = append(p.GIDs, GIDInfo{
			Index: i, GID: gid,
			Type:   s.read(base, "gid_attrs/types", strconv.Itoa(i)),
			Netdev: s.read(base, "gid_attrs/ndevs", strconv.Itoa(i)),
		})
	}
	for _, name := range s.portNetdevs(dir, p, nodeType, hardware) {
		mtu, _ := strconv.Atoi(s.read("class/net", name, "mtu"))
		p.Netdevs = append(p.Netdevs, NetdevInfo{Name: name, MTU: mtu, Addresses: s.addresses(name)})
	}
	return p
}

// portNetdevs finds the network devices of a port, its own one first.
func (s sysfs) portNetdevs(dir string, p PortInfo, nodeType string, hardware map[string][]byte) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, g := range p.GIDs {
		add(g.Netdev)
	}
	add(s.read(dir, "parent"))
	for _, name := range s.names(dir, "device/net") {
		// A card with two ports has one PCI function for both in some drivers.
		if n, err := strconv.Atoi(s.read("class/net", name, "dev_port")); err == nil && n == p.Port-1 && p.LinkLayer == LinkEthernet {
			add(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hardware)) {
		for _, g := range p.GIDs {
			if belongs(g.GID, hardware[name], nodeType) {
				add(name)
			}
		}
	}
	return names
}

// belongs says whether a link-layer address is that of a GID: IPoIB's ends in
// it, iWARP's GID begins with it.
func belongs(gid netip.Addr, hardware []byte, nodeType string) bool {
	raw := gid.As16()
	switch {
	case len(hardware) == 20:
		return string(hardware[4:]) == string(raw[:])
	case len(hardware) == 6 && nodeType == NodeRNIC:
		return string(hardware) == string(raw[:6]) && string(raw[6:]) == string(make([]byte, 10))
	}
	return false
}

// addressesOf lists the addresses of a network device of this machine.
func addressesOf(netdev string) []netip.Addr {
	i, err := net.InterfaceByName(netdev)
	if err != nil {
		return nil
	}
	all, _ := i.Addrs()
	var addresses []netip.Addr
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addresses = append(addresses, prefix.Addr().Unmap())
		}
	}
	return addresses
}
