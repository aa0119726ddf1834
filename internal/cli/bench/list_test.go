package bench

import (
	"testing"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
)

// TestDefaultsExist: what bench run takes if nothing is named is there.
func TestDefaultsExist(t *testing.T) {
	known := map[string]bool{}
	for _, w := range workload.All() {
		known[w.Name] = true
	}
	for _, b := range backend.All() {
		known[b.Name] = true
	}
	for _, name := range append(defaultWorkloads, defaultBackends...) {
		if !known[name] {
			t.Errorf("%s is run if nothing is named, and there is none", name)
		}
	}
}
