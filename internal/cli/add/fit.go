package add

import (
	"fmt"
	"strconv"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/ublk"
)

// What a swap device takes of a machine with little memory.
const (
	// buffersPart: the buffers of all queues take at most this part of the machine's memory. With one
	// queue and requests of up to 128 KiB, a machine of 512 MiB and more has the default depth.
	buffersPart = 32
	// leastDepth is the fewest requests in flight that a queue gets. The kernel writes out at most 32
	// pages at a time (SWAP_CLUSTER_MAX), which is one request: eight keep the network and the disk busy.
	leastDepth = 8
	// copies are the buffers of each request: its own, and a spare one (see swapdev.Config).
	copies = 2
)

// depth is the number of requests in flight per queue, a flag. It knows whether somebody has chosen it, on
// the command line or in a configuration file.
type depth struct {
	n      int
	chosen bool
}

func (d *depth) String() string { return strconv.Itoa(d.n) }

// Set is called for a value that was chosen, and no other.
func (d *depth) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is no whole number", text)
	}
	d.n, d.chosen = n, true
	return nil
}

// Type is the word for the value in the help.
func (d *depth) Type() string { return "int" }

// fit halves the depth that nobody has chosen until the queues' buffers fit the machine. They are
// locked, and on a small machine they would be the largest part of what the server takes. The kernel
// keeps what finds no place in a queue, and no request fails for that.
func (o *options) fit() error {
	if o.target != targetSwap {
		return nil
	}
	s, err := memory.Here().Sample()
	if err != nil {
		return fmt.Errorf("read how much memory this machine has: %w", err)
	}
	o.total = s.Total
	if !o.depth.chosen {
		o.depth.n = fitDepth(s.Total, o.spec().WithDefaults())
	}
	return nil
}

// warnTiny tells of a machine with less memory than any on which a device has been tried as swap; 0 stands
// for one that is not known, or does not matter.
func warnTiny(total int64, log zerolog.Logger) {
	if total > 0 && total < memory.LeastTried {
		log.Warn().Str("memory", human.Bytes(total)).Str("tried", human.Bytes(memory.LeastTried)).
			Msg("this machine has less memory than any on which a device has been tried as swap: it may come to a stop")
	}
}

// fitDepth is the depth for a machine with total bytes of memory. The specification's own is the most.
func fitDepth(total int64, s ublk.Spec) int {
	fits := s.Depth
	for fits > leastDepth && int64(fits)*int64(s.Queues)*int64(s.MaxIO)*copies > total/buffersPart {
		fits /= 2
	}
	return fits
}
