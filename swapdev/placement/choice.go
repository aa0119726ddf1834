package placement

import (
	"time"

	"github.com/farswap/farswap/slabmap"
)

// Choice says why the policy names a donor.
type Choice struct {
	Rule    slabmap.Rule
	Figures []Figure      // of the donors that were compared, the chosen one first
	Asking  time.Duration // spent on questions to donors, over all attempts
}

// Figure is what was known of a donor.
type Figure struct {
	donor uint16
	slow  bool
	free  float32 // share of its memory, -1: not asked
	slabmap.Verdict
}

// notAsked stands for a share of memory that is not known.
const notAsked = -1
