package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const (
	maxNameLen = 64  // bytes, as in package control
	maxHostLen = 253 // bytes of a DNS name
)

// CheckAddress checks the address of a donor or a member. It wants HOST:PORT, with a host name or a
// specified IP address, and a port from 1 to 65535. Errors wrap ErrConfig.
func CheckAddress(address string) error {
	host, _, err := splitAddress(address)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return fmt.Errorf("address %q: the host is missing: want HOST:PORT: %w", oneLine(address), ErrConfig)
	}
	return nil
}

// splitAddress splits HOST:PORT. The host may be empty.
func splitAddress(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: want HOST:PORT: %w", oneLine(address), ErrConfig)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("address %q: port %q: want 1 to 65535: %w", oneLine(address), oneLine(text), ErrConfig)
	}
	if host != "" && !validHost(host) {
		return "", 0, fmt.Errorf("address %q: %q is neither a host name nor an IP address: %w", oneLine(address), oneLine(host), ErrConfig)
	}
	return host, uint16(n), nil
}

func joinAddress(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// validHost reports whether a host is an IP address or a DNS name. It also accepts underscores, as
// resolvers do.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && len(host) <= maxHostLen && !strings.Contains(host, "..") && host[0] != '.' && host[0] != '-' && onlyNameRunes(host)
}

// validName reports whether package control accepts a donor's name.
func validName(name string) bool {
	return name != "" && len(name) <= maxNameLen && name[0] != '.' && name[0] != '-' && onlyNameRunes(name)
}

func onlyNameRunes(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	})
}
