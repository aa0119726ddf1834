package main

import (
	"net"

	"github.com/farswap/farswap/control"
)

// identity loads what --cert names. With --insecure there is none, which is
// allowed for loopback addresses only.
func identity(cert string, insecure bool, addresses []string) (*control.Identity, error) {
	switch {
	case insecure && cert != "":
		return nil, usage("--cert and --insecure exclude each other")
	case insecure:
		for _, address := range addresses {
			if !isLoopback(address) {
				return nil, usage("--insecure with %s: %w", address, control.ErrInsecureAddress)
			}
		}
		return nil, nil
	case cert == "":
		return nil, usage("no identity: give --cert FOLDER (see `farswap cert`), or --insecure for loopback addresses")
	default:
		return control.LoadIdentity(cert)
	}
}

// isLoopback is about addresses as they are written. What a name resolves to
// can change, so of names only localhost counts. An address that is none is
// for others to refuse.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
