//go:build cgo

package rdma

import "net/netip"

// source is the address to connect from, nil to leave it to the routes.
func (c *Config) source(netip.Addr) (*sockaddr, error) { return nil, nil }
