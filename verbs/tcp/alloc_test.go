package tcp

import (
	"testing"

	"github.com/farswap/farswap/internal/allocs"
	"github.com/farswap/farswap/verbs"
)

// Both sides run in this process, so that the count covers both.
func TestNoAllocationPerOperation(t *testing.T) {
	for _, c := range []struct {
		op    verbs.Opcode
		depth int
	}{
		{verbs.OpRead, 1},
		{verbs.OpWrite, 1},
		{verbs.OpRead, 64},
		{verbs.OpWrite, 64},
	} {
		t.Run("", func(t *testing.T) {
			r := newRig(t, Config{Threads: 2}, verbs.QPConfig{Depth: c.depth})
			keepBusy(t, r, c.op, c.depth, 1000)
			if n := allocs.PerRun(20, func() { keepBusy(t, r, c.op, c.depth, 500) }); n != 0 {
				t.Errorf("%v at depth %d: %v allocations in 500 operations", c.op, c.depth, n)
			}
		})
	}
}
