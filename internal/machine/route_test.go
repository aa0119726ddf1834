package machine

import (
	"net/netip"
	"testing"
)

// TestLookupOfAddresses: an address stands for itself, also with the zone that a link-local one needs.
func TestLookupOfAddresses(t *testing.T) {
	for _, host := range []string{"192.0.2.7", "2001:db8::1", "fe80::1%eth0"} {
		got, err := lookup(t.Context(), host)
		if err != nil || len(got) != 1 || got[0] != netip.MustParseAddr(host) {
			t.Errorf("%s: %v, %v", host, got, err)
		}
	}
	if _, err := lookup(t.Context(), ""); err == nil {
		t.Error("no host was found")
	}
}
