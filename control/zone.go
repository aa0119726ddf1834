package control

import "net/netip"

// withoutZone returns a host without the zone of a link-local address (RFC 4007): fe80::1 for
// fe80::1%eth0. A zone is the name of a network interface of this machine. No other machine knows it, so
// certificates are about the address alone.
func withoutZone(host string) string {
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() == "" {
		return host
	}
	return ip.WithZone("").String()
}
