package cluster

import (
	"context"
	"net/netip"
	"sync"
)

// resolved is a HOST:PORT and its addresses.
type resolved struct {
	target    string
	addresses []netip.AddrPort
	err       error
}

// resolve looks up several HOST:PORT at the same time, within lookupTimeout. The results have the order
// of the targets.
func resolve(ctx context.Context, resolver Resolver, targets []string) []resolved {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	results := make([]resolved, len(targets))
	var wg sync.WaitGroup
	for i, target := range targets {
		wg.Go(func() {
			addresses, err := resolveOne(ctx, resolver, target)
			results[i] = resolved{target, addresses, err}
		})
	}
	wg.Wait()
	return results
}

func resolveOne(ctx context.Context, resolver Resolver, target string) ([]netip.AddrPort, error) {
	host, port, err := splitAddress(target)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), port)}, nil
	}
	ips, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	addresses := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		addresses = append(addresses, netip.AddrPortFrom(ip.Unmap(), port))
	}
	return addresses, nil
}
