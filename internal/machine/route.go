package machine

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// Source is where packets to an address are sent from.
type Source struct {
	Address netip.Addr
	Netdev  string // "" if it is not known
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if host == "" {
		return nil, errors.New("no host")
	}
	if ip, err := netip.ParseAddr(host); err == nil { // the resolver drops the zone of a link-local one
		return []netip.Addr{ip}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// routeTo asks the kernel's routes: connecting a datagram socket sends nothing.
func routeTo(to netip.AddrPort) (Source, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return Source{}, err
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	return Source{local, netdevOf(local)}, conn.Close()
}

// netdevOf is the network device that has an address, "" if none has.
func netdevOf(a netip.Addr) string {
	all, _ := net.Interfaces()
	for _, i := range all {
		addresses, _ := i.Addrs()
		for _, have := range addresses {
			prefix, err := netip.ParsePrefix(have.String())
			if err == nil && prefix.Addr().Unmap() == a.WithZone("") && (a.Zone() == "" || a.Zone() == i.Name) {
				return i.Name
			}
		}
	}
	return ""
}
