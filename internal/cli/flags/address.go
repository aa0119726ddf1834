package flags

import (
	"net"
	"strconv"
	"strings"

	"github.com/farswap/farswap/internal/cli/usage"
)

// CheckListen refuses an address that nothing can listen on: want HOST:PORT or :PORT, with a
// port of 0 to 65535. name is the flag's.
func CheckListen(name, address string) error { return checkAddress(name, address, 0) }

// CheckDial refuses an address that nothing can answer on. It is CheckListen without port 0 and
// with a host.
func CheckDial(name, address string) error {
	if strings.HasPrefix(address, ":") {
		return usage.Errorf("--%s %q: the host is missing: want HOST:PORT", name, address)
	}
	return checkAddress(name, address, 1)
}

func checkAddress(name, address string, least uint64) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.ContainsAny(host, "/?#@ ") {
		return usage.Errorf("--%s %q: want HOST:PORT", name, address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < least {
		return usage.Errorf("--%s %q: port %q: want %d to 65535", name, address, port, least)
	}
	return nil
}
