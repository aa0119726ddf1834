package sim

import (
	"fmt"

	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/slabmap"
)

// Config is one simulation. Make one with DefaultConfig.
type Config struct {
	Workload Workload
	Seed     uint64
	SlabSize int64 // bytes: as slabmap.Geometry wants it

	Choices  int  // donors asked at a time; 1 is random placement
	AnyDonor bool // without the new-machine rule

	Extra int  // E′; 0 evicts at random
	Drop  bool // devices drop evicted slabs, as in the paper, and do not move them

	// Known is how many other machines, chosen at random, a device knows as
	// donors; 0 for all of them.
	Known int

	// Latency is the model of page-ins; nil for none. With ByLatency the placement uses it.
	Latency   *Latency
	ByLatency bool
}

// DefaultConfig simulates w with the default policies of farswap.
func DefaultConfig(w Workload) Config {
	return Config{Workload: w, Seed: 1, SlabSize: slabmap.DefaultSlabSize, Choices: 2, Extra: evict.DefaultExtra}
}

// Validate returns an error wrapping ErrConfig if a field is out of range.
func (c Config) Validate() error {
	if err := c.Workload.Validate(); err != nil {
		return err
	}
	switch geometry := (slabmap.Geometry{Size: slabmap.PageSize, SlabSize: c.SlabSize}).Validate(); {
	case geometry != nil:
		return fmt.Errorf("%w: %w", ErrConfig, geometry)
	case c.Choices < 1 || c.Choices > maxMachines:
		return fmt.Errorf("%d choices: %w: want 1 to %d", c.Choices, ErrConfig, maxMachines)
	case c.Extra < 0 || c.Extra > maxContainers:
		return fmt.Errorf("%d extra candidates: %w: want 0 to %d", c.Extra, ErrConfig, maxContainers)
	case c.Known < 0 || c.Known > maxMachines:
		return fmt.Errorf("%d known donors: %w: want 1 to %d, or 0 for all", c.Known, ErrConfig, maxMachines)
	}
	return c.latencyError()
}

// placement returns the policy of c.
func (c Config) placement() slabmap.Placement {
	paper := slabmap.PowerOfTwo{SlabSize: c.SlabSize, Choices: c.Choices, AnyDonor: c.AnyDonor}
	if c.ByLatency {
		return slabmap.ByLatency{PowerOfTwo: paper}
	}
	return paper
}
