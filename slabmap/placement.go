package slabmap

import "math/rand/v2"

// Candidate is a donor that could get a slab.
type Candidate struct {
	Donor       uint16
	Holds       int   // slabs of this device that it holds
	Free, Total int64 // bytes that its machine can spare, and all its bytes, by its answer; Free is less than a slab if it lends none

	// Judge.Weigh sets these. Zero means that the judge has no objection.
	P99  int64 // of reads of its memory, in nanoseconds
	Slow bool  // it gets no slab while another donor has room
}

// Rule is the reason of a choice. Do not change the words: status, logs and tools use them.
type Rule string

// Rules.
const (
	Emptier    Rule = "emptier"     // it had the larger share of its memory free
	Faster     Rule = "faster"      // the other had more memory free, or had none to choose from but slow ones
	SlowDonor  Rule = "slow-donor"  // the slab's donor is slow
	GivenBack  Rule = "given-back"  // the slab's donor wanted its memory back
	NewMachine Rule = "new-machine" // it was the only one without a slab of the device
	OnlyOne    Rule = "only-one"    // there was no other
)

// Placement chooses the donor of a slab. A question to a donor is I/O, so the choice has two halves with the
// questions in between:
//
//	for ask, _ := p.Pair(rng, cands); len(ask) > 0; ask, _ = p.Pair(rng, cands) {
//		// ask them; keep their answers, take them out of cands
//		if donor, _, ok := p.Best(answers); ok {
//			// map the slab there
//		}
//	}
type Placement interface {
	// Pair names the donors to ask next, in order of preference, and none if cands is empty. Free
	// and Total of cands may be unknown yet. alone is the rule of the choice if Pair names one
	// donor only.
	Pair(rng *rand.Rand, cands []Candidate) (ask []uint16, alone Rule)
	// Best chooses among the donors that have answered, in order of preference. Not ok means that
	// none of them can take the slab.
	Best(answers []Candidate) (donor uint16, rule Rule, ok bool)
}

// PowerOfTwo is the placement of the paper: of two random donors the emptier one wins. Donors without a slab
// of this device come before donors with one, so that the device loses little with one donor.
//
// The other fields make variants for comparison. With Choices 1 the placement is random.
type PowerOfTwo struct {
	SlabSize int64 // bytes; a donor with less free never wins
	Choices  int   // donors asked at a time; default 2
	// AnyDonor treats donors that hold a slab of this device like the others.
	AnyDonor bool
}

var _ Placement = PowerOfTwo{}

// Pair returns Choices random donors of the group without a slab of this device, or of the other group if the
// first is empty. If the group has fewer, it returns all of the group.
func (p PowerOfTwo) Pair(rng *rand.Rand, cands []Candidate) (ask []uint16, alone Rule) {
	group := make([]uint16, 0, len(cands))
	for _, c := range cands {
		if c.Holds == 0 || p.AnyDonor {
			group = append(group, c.Donor)
		}
	}
	if len(group) == 0 {
		for _, c := range cands {
			group = append(group, c.Donor)
		}
	}
	alone = OnlyOne
	if len(group) < len(cands) {
		alone = NewMachine
	}
	n := p.Choices
	if n <= 0 {
		n = 2
	}
	n = min(n, len(group))
	for i := range n {
		j := i + rng.IntN(len(group)-i)
		group[i], group[j] = group[j], group[i]
	}
	return group[:n], alone
}

// Best returns the answer with the largest free share of memory among those with room for a slab. Of equal
// answers the earlier one wins.
func (p PowerOfTwo) Best(answers []Candidate) (donor uint16, rule Rule, ok bool) {
	donor, ok = p.best(answers, Candidate.free)
	return donor, Emptier, ok
}

// best returns the answer with the highest score among those with room.
func (p PowerOfTwo) best(answers []Candidate, score func(Candidate) float64) (donor uint16, ok bool) {
	var most float64
	for _, a := range answers {
		if !p.room(a) {
			continue
		}
		if s := score(a); s > most {
			donor, ok, most = a.Donor, true, s
		}
	}
	return donor, ok
}

func (p PowerOfTwo) room(c Candidate) bool {
	return c.Free >= p.SlabSize && c.Free > 0 && c.Total >= c.Free
}

// free is the free share of the candidate's memory.
func (c Candidate) free() float64 { return float64(c.Free) / float64(c.Total) }

// ByLatency is PowerOfTwo with latency. It names slow donors only when no other has room. Of two donors it
// divides the free share of the slower one by the factor by which its p99 exceeds Margin times the p99 of the
// other. A smaller difference is noise, and then memory alone decides.
type ByLatency struct {
	PowerOfTwo
	Margin float64 // at least 1; default DefaultMargin
}

var _ Placement = ByLatency{}

// Pair is that of PowerOfTwo among the donors that are not slow, or among the slow ones if there are no others.
func (p ByLatency) Pair(rng *rand.Rand, cands []Candidate) (ask []uint16, alone Rule) {
	well := make([]Candidate, 0, len(cands))
	for _, c := range cands {
		if !c.Slow {
			well = append(well, c)
		}
	}
	if len(well) == 0 || len(well) == len(cands) {
		return p.PowerOfTwo.Pair(rng, cands)
	}
	ask, alone = p.PowerOfTwo.Pair(rng, well)
	if alone == OnlyOne {
		alone = Faster
	}
	return ask, alone
}

// Best returns the answer with the largest free share of memory, weighed by latency, among those with room for
// a slab. Of equal answers the earlier one wins. An unknown latency has no weight.
func (p ByLatency) Best(answers []Candidate) (donor uint16, rule Rule, ok bool) {
	margin := p.Margin
	if !(margin >= 1) {
		margin = DefaultMargin
	}
	var least int64
	for _, a := range answers {
		if p.room(a) && a.P99 > 0 && (least == 0 || a.P99 < least) {
			least = a.P99
		}
	}
	donor, ok = p.best(answers, func(c Candidate) float64 {
		if c.P99 <= 0 {
			return c.free()
		}
		return c.free() / max(1, float64(c.P99)/(margin*float64(least)))
	})
	if emptiest, _, _ := p.PowerOfTwo.Best(answers); emptiest != donor {
		return donor, Faster, ok
	}
	return donor, Emptier, ok
}
