package rdma

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/farswap/farswap/verbs"
)

// Node types of a device that matter here; the kernel knows more.
const (
	NodeCA   = "CA"   // InfiniBand and RoCE
	NodeRNIC = "RNIC" // iWARP
)

// Link layers of a port.
const (
	LinkEthernet   = "Ethernet"
	LinkInfiniBand = "InfiniBand"
)

// Types of a GID, in the kernel's words.
const (
	GIDRoCEv1 = "IB/RoCE v1" // also that of every GID on InfiniBand
	GIDRoCEv2 = "RoCE v2"
)

// portActive is the state of a port that carries traffic.
const portActive = "ACTIVE"

// DeviceInfo is an RDMA device as sysfs shows it. What could not be read is
// empty.
type DeviceInfo struct {
	Name     string `json:"name"`
	NodeType string `json:"node_type"`
	// Driver is the kernel's driver, such as mlx5_core, rxe or siw.
	Driver   string     `json:"driver,omitempty"`
	Firmware string     `json:"firmware,omitempty"`
	Board    string     `json:"board,omitempty"`
	Verbs    string     `json:"verbs,omitempty"` // name of the node below /dev/infiniband
	Ports    []PortInfo `json:"ports"`
}

// PortInfo is one port of a device.
type PortInfo struct {
	Port      int    `json:"port"` // from 1
	State     string `json:"state"`
	PhysState string `json:"phys_state"`
	LinkLayer string `json:"link_layer"`
	Rate      string `json:"rate"`
	// Netdevs are the network devices of the port, its own one first: below
	// RoCE and iWARP they carry it, on InfiniBand they are those of IPoIB.
	Netdevs []NetdevInfo `json:"netdevs"`
	GIDs    []GIDInfo    `json:"gids"` // without the empty ones
}

// Active says whether the port carries traffic.
func (p PortInfo) Active() bool { return p.State == portActive }

// NetdevInfo is a network device.
type NetdevInfo struct {
	Name      string       `json:"name"`
	MTU       int          `json:"mtu"` // bytes; 0 when it could not be read
	Addresses []netip.Addr `json:"addresses"`
}

// GIDInfo is an entry of a port's GID table: an address that the port can send
// from.
type GIDInfo struct {
	Index  int        `json:"index"`
	GID    netip.Addr `json:"gid"`
	Type   string     `json:"type,omitempty"`
	Netdev string     `json:"netdev,omitempty"`
}

// Survey lists the RDMA devices of the machine, by name, from sysfs below root:
// "/" but in tests. It needs no privileges, no libraries and no RDMA: a machine
// without it has no devices, which is no error. A device that goes away
// meanwhile is left out, or shown without what was not read in time.
//
// The addresses of network devices are those of this process's network
// namespace.
func Survey(root string) ([]DeviceInfo, error) {
	return survey(sysfs{root: filepath.Join(root, "sys"), addresses: addressesOf})
}

func survey(s sysfs) ([]DeviceInfo, error) {
	entries, err := os.ReadDir(s.path("class/infiniband"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no RDMA core in the kernel, or its module is not loaded
	}
	if err != nil {
		return nil, fmt.Errorf("list the RDMA devices: %w: %w: is sysfs mounted, and may it be read?", verbs.ErrUnavailable, err)
	}
	nodes := s.verbsNodes()
	hardware := s.hardwareAddresses()
	var devices []DeviceInfo
	for _, e := range entries { // sorted by name
		if d, ok := s.device(e.Name(), hardware); ok {
			d.Verbs = nodes[d.Name]
			devices = append(devices, d)
		}
	}
	return devices, nil
}
