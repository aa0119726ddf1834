//go:build cgo

package rdma

import (
	"fmt"
	"net"
	"net/netip"
)

// source is the address to connect from to to: that of the device, port or GID
// which the configuration insists on, or nil to leave it to the routes.
func (c *Config) source(to netip.Addr) (*sockaddr, error) {
	if c.Device == "" && c.GIDIndex < 0 {
		return nil, nil
	}
	devices, err := Survey("/")
	if err != nil {
		return nil, err
	}
	every := netip.IPv4Unspecified()
	if to.Unmap().Is6() {
		every = netip.IPv6Unspecified()
	}
	choice, err := Choose(devices, every, *c)
	if err != nil {
		return nil, err
	}
	var zone uint32
	if choice.Local.IsLinkLocalUnicast() && choice.Local.Is6() {
		i, err := net.InterfaceByName(choice.Netdev)
		if err != nil {
			return nil, fmt.Errorf("zone of %v: %w", choice.Local, err)
		}
		zone = uint32(i.Index)
	}
	return newSockaddr(netip.AddrPortFrom(choice.Local, 0), zone), nil
}
