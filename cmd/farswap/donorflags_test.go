package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/farswap/farswap/donor"
)

func TestHeadRoomFlag(t *testing.T) {
	for text, want := range map[string]headRoom{
		"2G": {Bytes: 2 << 30}, "64MiB": {Bytes: 64 << 20}, "0": {Bytes: noHeadRoom}, "0G": {Bytes: noHeadRoom},
		"25%": {Share: 0.25}, "12.5%": {Share: 0.125}, "0%": {Bytes: noHeadRoom}, "99.5%": {Share: 0.995},
	} {
		var got, again headRoom
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if err := again.Set(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q and read as %+v, %v", text, got.String(), again, err)
		}
	}
	for _, text := range []string{"", "%", "100%", "-1%", "-1", "25 %", "NaN%", "Inf%", "1e1000%", "0x1p-2%", "2GB", "25%G"} {
		got := headRoom{Bytes: 7}
		if err := got.Set(text); err == nil || got.Bytes != 7 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if unset := (&headRoom{}).String(); unset != "" {
		t.Errorf("unset: %q", unset)
	}
}

func TestParseAllowances(t *testing.T) {
	got, err := parseAllowances([]string{"a", "b=2G", "c,reserve=64M", "d=1G,reserve=512M"})
	want := []donor.Allowance{
		{Name: "a"}, {Name: "b", Most: 2 << 30}, {Name: "c", Reserve: 64 << 20}, {Name: "d", Most: 1 << 30, Reserve: 512 << 20},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"a=", "a=0", "a,", "a,reserve", "a,reserve=", "a,reserve=0", "a,1G", "a=1G,2G", "a,reserve=1G,reserve=1G", "a=1G=2G"} {
		if _, err := parseAllowances([]string{text}); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
