package rdma

import (
	"testing"

	"pgregory.net/rapid"
)

func TestKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rkey, base := rapid.Uint32().Draw(t, "rkey"), newBase()
		r, b := openKey(makeKey(rkey, base))
		if r != rkey || b != base {
			t.Fatalf("%#x at %#x became %#x at %#x", rkey, base, r, b)
		}
		if end := base + maxRegion; end < base {
			t.Fatalf("a region at %#x wraps around", base)
		}
	})
}
