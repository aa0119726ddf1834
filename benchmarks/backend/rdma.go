package backend

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
)

// rdmaAdapter is an adapter of this machine with an IPv4 address.
type rdmaAdapter struct{ name, netdev, host string }

func hasAdapter(Options) error {
	_, err := adapter()
	return err
}

// adapter returns the first such adapter.
func adapter() (rdmaAdapter, error) {
	files, err := filepath.Glob("/sys/class/infiniband/*/ports/1/gid_attrs/ndevs/0")
	if err != nil {
		return rdmaAdapter{}, err
	}
	for _, file := range files {
		netdev, err := get(file)
		if err != nil {
			continue
		}
		name := strings.Split(file, "/")[4]
		if host := addressOf(netdev); host != "" {
			return rdmaAdapter{name: name, netdev: netdev, host: host}, nil
		}
	}
	return rdmaAdapter{}, errors.New("an RDMA adapter with an IPv4 address: `rdma link add rxe0 type rxe netdev DEV` makes a soft one")
}

// addressOf returns the first IPv4 address of an interface that is up, or "".
func addressOf(netdev string) string {
	i, err := net.InterfaceByName(netdev)
	if err != nil || i.Flags&net.FlagUp == 0 {
		return ""
	}
	addresses, err := i.Addrs()
	if err != nil {
		return ""
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return ""
}
