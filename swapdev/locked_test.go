package swapdev

import (
	"testing"

	"github.com/farswap/farswap/slabmap"
)

// TestLockedMemory: the map and the buffers are locked, and the parts are all there is.
func TestLockedMemory(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	m := r.engine.report().Memory
	var sum int64
	for _, part := range m.LockedFor.Parts() {
		sum += part.Bytes
	}
	if sum != m.Locked {
		t.Errorf("the parts of %+v add up to %d, not to %d", m.LockedFor, sum, m.Locked)
	}
	if want := int64(slabmap.MemoryNeeded(r.engine.pages.Geometry())); m.LockedFor.Map < want {
		t.Errorf("%d bytes of the map are locked, want at least %d", m.LockedFor.Map, want)
	}
}
