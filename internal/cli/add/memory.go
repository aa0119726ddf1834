package add

import (
	"fmt"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev"
)

// Bytes of the slab map that a swap device takes for each of its pages: a word, and what opens the
// page if it is sealed.
const (
	mapBytesPerPage  = 8
	sealBytesPerPage = 16
)

// checkMemory refuses a device for which this machine has too little memory, whatever else it
// runs: all of it is locked.
func (o *options) checkMemory() error {
	var needs int64
	switch o.target {
	case targetSwap:
		perPage := int64(mapBytesPerPage)
		if o.seal == string(swapdev.SealOn) {
			perPage += sealBytesPerPage
		}
		needs = int64(o.size) / slabmap.PageSize * perPage
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
