package cluster

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestAdvertisedAddress(t *testing.T) {
	ctx := context.Background()
	r := &answers{ips: []string{"127.0.0.1"}}
	for name, test := range map[string]struct {
		listen string
		join   []string
		want   string
	}{
		"bound":                 {"127.0.0.7", []string{"127.0.0.1:1"}, "127.0.0.7"},
		"towards target":        {"0.0.0.0", []string{"127.0.0.1:1"}, "127.0.0.1"},
		"by name":               {"", []string{"mem.lan:1"}, "127.0.0.1"},
		"the first that can be": {"", []string{"other.lan:1", "[fe80::1%none]:1", "127.0.0.1:1"}, "127.0.0.1"},
	} {
		var listen netip.Addr
		if test.listen != "" {
			listen = netip.MustParseAddr(test.listen)
		}
		if got := advertised(ctx, r, listen, test.join); got.String() != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	// Without a target it is one of this machine's addresses.
	if got := advertised(ctx, r, netip.Addr{}, nil); !got.IsValid() || got.IsUnspecified() || got.IsMulticast() {
		t.Error(got)
	}
}

func TestWithHost(t *testing.T) {
	for in, want := range map[string]string{":9400": "10.0.0.1:9400", "0.0.0.0:9400": "10.0.0.1:9400", "[::]:9400": "10.0.0.1:9400", "h:9400": "h:9400"} {
		if got, err := withHost(in, "10.0.0.1"); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	if _, err := withHost("h", "10.0.0.1"); !errors.Is(err, ErrAnnouncement) {
		t.Error(err)
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine("a\nb\x1b[2Jc\u2028d\xff"); strings.ContainsAny(got, "\n\x1b\u2028") {
		t.Errorf("%q", got)
	}
	if got := oneLine(strings.Repeat("ä", 1000)); len(got) > 512 {
		t.Errorf("%d bytes", len(got))
	}
}
