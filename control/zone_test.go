package control

import (
	"errors"
	"testing"
)

// TestLinkLocalHosts: a certificate is about an address, whatever the interface is called through which it is reached.
func TestLinkLocalHosts(t *testing.T) {
	id := identity(t, newCA(t), "donor-1", "fe80::1%eth0", "fe80::2")
	for host, server := range map[string]string{"fe80::1%wlan0": "fe80::1", "fe80::1": "fe80::1", "fe80::2%eth0": "fe80::2", "donor-1": "donor-1"} {
		if err := id.Covers(host); err != nil {
			t.Error(err)
		}
		if got := id.ClientConfig(host).ServerName; got != server {
			t.Errorf("%s is verified as %s", host, got)
		}
	}
	if err := id.Covers("fe80::3%eth0"); !errors.Is(err, ErrUntrusted) {
		t.Errorf("another address: %v", err)
	}
}
