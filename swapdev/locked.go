package swapdev

import (
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/status"
)

// mapMemory is the purpose of the memory that says where each page is.
const mapMemory = "page map"

// reportLocked adds what the process has locked in RAM. Where the kernel does not tell,
// all of it stays 0, and the log says why at the level of a developer: nothing depends on
// the figures.
func (e *engine) reportLocked(m *status.Memory) {
	locked, err := e.locked.Read(memoryParts)
	if err != nil {
		e.cfg.Log.Debug().Err(err).Msg("locked memory is not measured")
	}
	m.Locked, m.LockedFor = locked.Total(), status.Locked(locked)
}

// memoryParts is the memory off the heap, by its purpose.
func memoryParts() []memory.Part {
	var parts []memory.Part
	for _, m := range offheap.Mappings() {
		parts = append(parts, memory.Part{Start: m.Start, End: m.End, Map: m.Purpose == mapMemory})
	}
	return parts
}
