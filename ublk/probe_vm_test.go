//go:build vm

package ublk

import (
	"errors"
	"testing"
)

// Probe says of each feature what Features says, and names the version that brought what is
// lacking.
func TestProbeKnowsTheKernel(t *testing.T) {
	c, err := OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	have, err := c.Features()
	if err = errors.Join(err, c.Close()); err != nil || have&FlagIoctlEncode == 0 {
		t.Fatalf("features %v: %v", have, err)
	}
	for _, f := range features {
		err := Probe(f.flag)
		var unsupported *UnsupportedError
		if has := have&f.flag != 0; has != (err == nil) || !has && (!errors.As(err, &unsupported) || unsupported.Kernel != f.since.String()) {
			t.Errorf("%s, features %v: %v", f.name, have, err)
		}
	}
}
