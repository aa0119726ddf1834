package cluster

import (
	"context"
	"net"
	"net/netip"
)

// advertised returns the address under which other members reach this one. That is the address on which
// it listens, else the source address of this machine's route to a member to join, else one of this
// machine's addresses, private ones first.
func advertised(ctx context.Context, resolver Resolver, listen netip.Addr, join []string) netip.Addr {
	if listen.IsValid() && !listen.IsUnspecified() {
		return listen
	}
	fits := func(ip netip.Addr) bool { return ip.IsValid() && !ip.IsUnspecified() && (!listen.Is4() || ip.Is4()) }
	for _, target := range resolve(ctx, resolver, join) {
		for _, a := range target.addresses { // a failed lookup has none; joining reports it
			if ip := localTowards(a); fits(ip) {
				return ip
			}
		}
	}
	best := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return best
	}
	for _, i := range interfaces {
		prefix, err := netip.ParsePrefix(i.String())
		if ip := prefix.Addr().Unmap(); err == nil && fits(ip) && ip.IsGlobalUnicast() {
			if best.IsLoopback() || ip.IsPrivate() && ip.Is4() && !best.IsPrivate() {
				best = ip
			}
		}
	}
	return best
}

// localTowards returns the source address of packets to another address. It sends none.
func localTowards(to netip.AddrPort) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
