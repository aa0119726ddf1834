package flags

import (
	"net"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/usage"
)

// Identity loads the identity in the folder that --cert names. With --insecure there is
// none, which is allowed for loopback addresses only.
func Identity(cert string, insecure bool, addresses []string) (*control.Identity, error) {
	switch {
	case insecure && cert != "":
		return nil, usage.Errorf("--cert and --insecure exclude each other")
	case insecure:
		for _, address := range addresses {
			if !IsLoopback(address) {
				return nil, usage.Errorf("--insecure with %s: %w", address, control.ErrInsecureAddress)
			}
		}
		return nil, nil
	case cert == "":
		return nil, usage.Errorf("no identity: give --cert FOLDER (see `farswap cert`), or --insecure for loopback addresses")
	default:
		return control.LoadIdentity(cert)
	}
}

// IsLoopback looks at an address as it is written. What a name resolves to can change, so
// localhost is the only name that counts. A malformed address passes: other checks refuse
// it.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
