package lend

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/usage"
)

func TestParseAllowances(t *testing.T) {
	got, err := parseAllowances([]string{"a", "b=2G", "c,reserve=64M", "d=1G,reserve=512M"})
	want := []donor.Allowance{
		{Name: "a"}, {Name: "b", Most: 2 << 30}, {Name: "c", Reserve: 64 << 20}, {Name: "d", Most: 1 << 30, Reserve: 512 << 20},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"a=", "a=0", "a,", "a,reserve", "a,reserve=", "a,reserve=0", "a,1G", "a=1G,2G", "a,reserve=1G,reserve=1G", "a=1G=2G"} {
		if _, err := parseAllowances([]string{text}); !errors.Is(err, usage.Err) || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzParseAllowance: what is accepted names sizes above 0 alone.
func FuzzParseAllowance(f *testing.F) {
	for _, text := range []string{"a", "a=1G", "a,reserve=64M", "a=1G,reserve=64M", "a=0", "=,", "a=1G=2G"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := parseAllowance(text)
		if err == nil && (one.Most < 0 || one.Reserve < 0 || strings.ContainsAny(one.Name, "=,")) {
			t.Fatalf("%q became %+v", text, one)
		}
	})
}
