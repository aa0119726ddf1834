package lend

import (
	"errors"
	"testing"

	"github.com/farswap/farswap/cluster"
)

func TestAnnouncedAs(t *testing.T) {
	for given, want := range map[string]string{
		"": "0.0.0.0:9400", "mem1": "mem1:9400", "mem1.lan:9500": "mem1.lan:9500", "10.0.0.7": "10.0.0.7:9400",
		"fe80::1": "[fe80::1]:9400", "[fe80::1]": "[fe80::1]:9400", "[fe80::1]:9500": "[fe80::1]:9500",
	} {
		if got, err := announcedAs(given, "0.0.0.0:9400"); err != nil || got != want {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
	for _, given := range []string{":9400", "mem1:", "mem1:0", "mem1:http", "mem 1", "::", "0.0.0.0:1", "a:b:c"} {
		if got, err := announcedAs(given, "0.0.0.0:9400"); !errors.Is(err, cluster.ErrConfig) {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}
