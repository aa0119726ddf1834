package add

import (
	"fmt"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/slabmap"
)

// mapBytesPerPage is the least memory that a swap device takes for each of its pages, in bytes:
// one word of the slab map.
const mapBytesPerPage = 8

// checkMemory refuses a device for which this machine has too little memory, whatever else it
// runs: all of it is locked.
func (o *options) checkMemory() error {
	var needs int64
	switch o.target {
	case targetSwap:
		needs = int64(o.size) / slabmap.PageSize * mapBytesPerPage
	case targetHDD:
		needs = int64(o.size)
	default:
		return nil
	}
	s, err := memory.Here().Sample()
	if err != nil {
		return fmt.Errorf("read how much memory this machine has: %w", err)
	}
	if needs >= s.Total {
		return usage.Errorf("--size %v: the device takes %v of memory, and this machine has %v: give a smaller size",
			o.size, flags.Size(needs), flags.Size(s.Total))
	}
	return nil
}
