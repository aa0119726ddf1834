package machine

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/farswap/farswap/verbs/rdma"
)

// nodes is where the nodes of RDMA are.
const nodes = "dev/infiniband"

// Manager is the node of rdma_cm, which makes connections.
const Manager = "rdma_cm"

// RDMADevices lists the RDMA devices.
func (m *Machine) RDMADevices() ([]rdma.DeviceInfo, error) { return rdma.Survey(m.Root) }

// Libraries are this program's own way to RDMA.
func (m *Machine) Libraries() (State, error) {
	if err := m.LoadLibraries(); err != nil {
		return Missing, err
	}
	return OK, nil
}

// Node tries whether a node of RDMA can be used, and returns its path. Opening it has no
// effect. The error is os.ErrNotExist, os.ErrPermission or another.
func (m *Machine) Node(name string) (state State, path string, err error) {
	path = filepath.Join(nodes, name)
	f, err := os.OpenFile(filepath.Join(m.Root, path), os.O_RDWR, 0)
	path = "/" + path
	switch {
	case err == nil:
		return OK, path, f.Close()
	case errors.Is(err, os.ErrPermission):
		return m.lacking(), path, err
	default:
		return Missing, path, err
	}
}

// HasAddress says whether others can reach a port: by an address that is not link-local.
func HasAddress(p rdma.PortInfo) bool {
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
