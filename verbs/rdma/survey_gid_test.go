package rdma

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/verbs"
)

func TestParseGID(t *testing.T) {
	for text, want := range map[string]string{
		"0000:0000:0000:0000:0000:ffff:0a09:0001": "10.9.0.1",
		"fe80:0000:0000:0000:5c3a:eeff:fe84:a8fb": "fe80::5c3a:eeff:fe84:a8fb",
		"FE80:0000:0000:0000:0000:0000:0000:000A": "fe80::a",
		"0000:0000:0000:0000:0000:0000:0000:0000": "::",
	} {
		if got, err := parseGID(text); err != nil || got != netip.MustParseAddr(want) {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "::", "fe80::1", "10.9.0.1", strings.Repeat("0000:", 7), strings.Repeat("0000:", 8),
		strings.Repeat("0000:", 8) + "0000", strings.Repeat("000:", 7) + "0000", strings.Repeat("00000:", 7) + "0000",
		strings.Repeat("0000:", 7) + "000g", strings.Repeat("0000:", 7) + "0000%lo", strings.Repeat("0000:", 7) + "+000",
	} {
		if got, err := parseGID(text); !errors.Is(err, verbs.ErrConfig) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

// gidText writes a GID as the kernel does.
func gidText(a netip.Addr) string {
	raw := a.As16()
	var groups []string
	for i := 0; i < 16; i += 2 {
		groups = append(groups, fmt.Sprintf("%02x%02x", raw[i], raw[i+1]))
	}
	return strings.Join(groups, ":")
}

func TestParseGIDReadsWhatTheKernelWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "raw"))
		want := netip.AddrFrom16(raw)
		if got, err := parseGID(gidText(want)); err != nil || got != want.Unmap() {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	})
}

func FuzzParseGID(f *testing.F) {
	f.Add("0000:0000:0000:0000:0000:ffff:0a09:0001")
	f.Add("fe80::1")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseGID(text)
		if err != nil {
			return
		}
		// What it takes is the long form of an IPv6 address, which net/netip reads too.
		if want, err := netip.ParseAddr(text); err != nil || got != want.Unmap() {
			t.Errorf("%q: got %v, net/netip says %v, %v", text, got, want, err)
		}
		if back := gidText(got); !strings.EqualFold(back, text) {
			t.Errorf("%q: comes back as %q", text, back)
		}
	})
}

func TestRoCEMTU(t *testing.T) {
	for netdev, want := range map[int]int{
		0: 0, 68: 0, 351: 0, 352: 256, 607: 256, 608: 512, 1280: 1024, 1500: 1024, 2143: 1024, 2144: 2048,
		4096: 2048, 4191: 2048, 4192: 4096, 4200: 4096, 9000: 4096, 65536: 4096,
	} {
		if got := RoCEMTU(netdev); got != want {
			t.Errorf("%d: got %d, want %d", netdev, got, want)
		}
	}
}
