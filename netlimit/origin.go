package netlimit

import (
	"net"
	"net/netip"
)

// v6Bits is the length of the prefix that one host or one link has.
const v6Bits = 64

// Origin is where a connection comes from, as far as bounds are concerned: an IPv4 address, or the /64 of
// an IPv6 address. The zero Origin stands for every address that is not an IP address.
type Origin struct{ prefix netip.Prefix }

// OriginOf returns the origin of HOST:PORT, or of a host alone.
func OriginOf(remote string) Origin {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return Origin{}
	}
	return originOf(ip)
}

func originOf(ip netip.Addr) Origin {
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = v6Bits
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return Origin{}
	}
	return Origin{prefix}
}

// String returns the address, the prefix, or "unknown".
func (o Origin) String() string {
	switch {
	case !o.prefix.IsValid():
		return "unknown"
	case o.prefix.IsSingleIP():
		return o.prefix.Addr().String()
	}
	return o.prefix.String()
}
