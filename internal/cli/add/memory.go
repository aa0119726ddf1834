package add

import (
	"fmt"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/human"
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
	if buffers := o.chosenBuffers(); needs+buffers >= s.Total {
		return usage.Errorf("--depth %d: the buffers of the queues take %v of memory, and the device %v besides, and this machine has %v: give a smaller depth, or fewer --queues, or a smaller --max-io",
			o.depth.n, flags.Size(buffers), flags.Size(needs), flags.Size(s.Total))
	}
	return nil
}

// chosenBuffers is what the queues' buffers take, in bytes, if somebody has chosen their depth. What nobody has
// chosen fits the machine: see fit.
func (o *options) chosenBuffers() int64 {
	if !o.depth.chosen {
		return 0
	}
	s := o.spec().WithDefaults()
	return int64(s.Queues) * int64(s.Depth) * int64(s.MaxIO) * copies
}

// muchOfMemory is the part of the machine's memory from which on what is locked is told of.
const muchOfMemory = 8

// warnBuffers tells of queues that take much of the machine's memory.
func warnBuffers(buffers, total int64, log zerolog.Logger) {
	if total > 0 && buffers > total/muchOfMemory {
		log.Warn().Str("buffers", human.Bytes(buffers)).Str("memory", human.Bytes(total)).
			Msg("the buffers of the queues are locked, and take much of this machine's memory: a smaller depth, fewer queues or smaller requests take less")
	}
}
