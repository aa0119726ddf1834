package doctor

import "testing"

// TestSplitDonor: --for takes what `ublk add --donor` takes, and hosts without a port.
func TestSplitDonor(t *testing.T) {
	for donor, want := range map[string][2]string{
		"mem1": {"mem1", defaultControlPort}, "mem1:9": {"mem1", "9"}, "192.0.2.7": {"192.0.2.7", defaultControlPort}, "192.0.2.7:9": {"192.0.2.7", "9"},
		"2001:db8::1": {"2001:db8::1", defaultControlPort}, "[2001:db8::1]": {"2001:db8::1", defaultControlPort}, "[2001:db8::1]:9": {"2001:db8::1", "9"},
		"[fe80::1%eth0]:9": {"fe80::1%eth0", "9"}, "fe80::1%eth0": {"fe80::1%eth0", defaultControlPort},
		"dns:lenders.example": {"lenders.example", defaultControlPort}, "dns:lenders.example:9": {"lenders.example", "9"},
	} {
		if host, port := splitDonor(donor); host != want[0] || port != want[1] {
			t.Errorf("%s: %s and %s", donor, host, port)
		}
	}
}
