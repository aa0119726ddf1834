package swapdev

import (
	"time"

	"github.com/farswap/farswap/slabmap"
)

// choice is a donor that the policy names, and what it went by.
type choice struct {
	rule    slabmap.Rule
	figures []figure      // of the donors that were compared, the chosen one first
	asking  time.Duration // over all attempts
}

// figure is what was known of a donor.
type figure struct {
	donor uint16
	slow  bool
	free  float32 // share of its memory, -1: not asked
	slabmap.Verdict
}

// notAsked stands for a share of memory that is not known.
const notAsked = -1

// figureOf is what is known of a donor without asking it.
func (s *steering) figureOf(donor uint16) figure {
	v := s.verdict(donor)
	return figure{donor: donor, slow: v.Slow, free: notAsked, Verdict: v}
}

// figures are those of the donors that answered, the chosen one first.
func (s *steering) figures(chosen uint16, answers []slabmap.Candidate) []figure {
	all := make([]figure, 1, len(answers))
	for _, a := range answers {
		f := s.figureOf(a.Donor)
		if a.Total > 0 {
			f.free = float32(float64(a.Free) / float64(a.Total))
		}
		if a.Donor == chosen {
			all[0] = f
		} else {
			all = append(all, f)
		}
	}
	return all
}
