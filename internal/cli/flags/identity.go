package flags

import (
	"fmt"
	"net"

	"github.com/spf13/pflag"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/usage"
)

// Identity loads the identity in the folder that --cert names, with the revocation list of
// --revoked if that is given. Its certificate must have the role, if there is one. With --insecure
// there is none, which is allowed for loopback addresses only.
func Identity(cert, revoked string, insecure bool, addresses []string, role ...control.Role) (*control.Identity, error) {
	switch {
	case revoked != "" && cert == "":
		return nil, usage.Errorf("--revoked means nothing without --cert FOLDER (see `farswap cert`)")
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
		return OpenIdentity(cert, revoked, role...)
	}
}

// OpenIdentity is Identity for those that need one.
func OpenIdentity(cert, revoked string, role ...control.Role) (*control.Identity, error) {
	id, err := control.OpenIdentity(control.IdentityFiles{Dir: cert, Revoked: revoked})
	if err != nil {
		return nil, err
	}
	if err := id.Allows(role...); err != nil {
		return nil, fmt.Errorf("%s: %w", cert, err)
	}
	return id, nil
}

// Revoked gives a command the flag --revoked.
func Revoked(f *pflag.FlagSet, path *string) {
	f.StringVar(path, "revoked", "", "file of the authority's revocation list, from farswap cert revoke: certificates in it are refused")
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
