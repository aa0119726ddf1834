package flags

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestBounds: a value out of bounds is refused, and leaves the one that was there.
func TestBounds(t *testing.T) {
	var n int
	var d time.Duration
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	Int(f, &n, "n", 4, -1, 8, "")
	Duration(f, &d, "d", time.Second, time.Millisecond, time.Minute, "")
	for flag, texts := range map[string][]string{
		"n": {"-2", "9", "1.5", "", "99999999999999999999", "0x1"},
		"d": {"0", "0.1ms", "61s", "5", "", "-1s", "1e3h", "9999999999h"},
	} {
		for _, text := range texts {
			if err := f.Set(flag, text); err == nil {
				t.Errorf("--%s %q is accepted", flag, text)
			}
		}
	}
	if n != 4 || d != time.Second {
		t.Errorf("changed to %d, %v", n, d)
	}
	for _, err := range []error{f.Set("n", "-1"), f.Set("d", "1m")} {
		if err != nil {
			t.Error(err)
		}
	}
	if n != -1 || d != time.Minute || f.Lookup("n").Value.String() != "-1" || f.Lookup("d").Value.String() != "1m0s" {
		t.Errorf("%d, %v", n, d)
	}
}
