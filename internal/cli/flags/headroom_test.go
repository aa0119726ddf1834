package flags

import (
	"strings"
	"testing"
)

func TestHeadRoomFlag(t *testing.T) {
	for text, want := range map[string]HeadRoom{
		"2G": {Bytes: 2 << 30}, "64MiB": {Bytes: 64 << 20}, "0": {Bytes: noHeadRoom}, "0G": {Bytes: noHeadRoom},
		"25%": {Share: 0.25}, "12.5%": {Share: 0.125}, "0%": {Bytes: noHeadRoom}, "99.5%": {Share: 0.995},
	} {
		var got, again HeadRoom
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if err := again.Set(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q and read as %+v, %v", text, got.String(), again, err)
		}
	}
	for _, text := range []string{"", "%", "100%", "-1%", "-1", "25 %", "NaN%", "Inf%", "1e1000%", "0x1p-2%", "2GB", "25%G"} {
		got := HeadRoom{Bytes: 7}
		if err := got.Set(text); err == nil || got.Bytes != 7 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if unset := (&HeadRoom{}).String(); unset != "" {
		t.Errorf("unset: %q", unset)
	}
}
