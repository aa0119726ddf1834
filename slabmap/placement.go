package slabmap

import "math/rand/v2"

// Candidate is a donor that may be given a slab.
type Candidate struct {
	Donor       uint16
	Holds       int   // slabs of this device that it holds
	Free, Total int64 // bytes that its machine can spare, of how many, as it answered; less than a slab if it lends none
}

// Placement chooses the donor of a slab. Asking donors for their memory is
// I/O, so the choice has two halves with the asking in between:
//
//	for ask := p.Pair(rng, cands); len(ask) > 0; ask = p.Pair(rng, cands) {
//		// ask them; keep their answers, take them out of cands
//		if donor, ok := p.Best(answers); ok {
//			// map the slab there
//		}
//	}
type Placement interface {
	// Pair names the donors to ask next, in order of preference; none if
	// cands is empty. Free and Total of cands need not be known yet.
	Pair(rng *rand.Rand, cands []Candidate) []uint16
	// Best chooses among those that answered, in order of preference. Not ok
	// means that none of them can take the slab.
	Best(answers []Candidate) (donor uint16, ok bool)
}

// PowerOfTwo is the paper's placement: two donors at random, the emptier one
// wins. Donors without a slab of this device come before those with one, so
// that the loss of a donor costs the device little.
//
// The other fields vary it, to compare it with: Choices 1 is random placement.
type PowerOfTwo struct {
	SlabSize int64 // bytes; a donor with less free never wins
	Choices  int   // donors asked at a time; default 2
	// AnyDonor treats donors that hold a slab of this device like the others.
	AnyDonor bool
}

var _ Placement = PowerOfTwo{}

// Pair returns Choices donors at random from the group that holds no slab of
// this device, or from the other group if the first is empty; fewer if the group
// has fewer.
func (p PowerOfTwo) Pair(rng *rand.Rand, cands []Candidate) []uint16 {
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
	n := p.Choices
	if n <= 0 {
		n = 2
	}
	n = min(n, len(group))
	for i := range n {
		j := i + rng.IntN(len(group)-i)
		group[i], group[j] = group[j], group[i]
	}
	return group[:n]
}

// Best returns the answer with the smallest share of its memory in use among
// those with room for a slab; the earlier of two alike.
func (p PowerOfTwo) Best(answers []Candidate) (donor uint16, ok bool) {
	var most float64 // share of memory free
	for _, a := range answers {
		if a.Free < p.SlabSize || a.Free <= 0 || a.Total < a.Free {
			continue
		}
		if free := float64(a.Free) / float64(a.Total); free > most {
			donor, ok, most = a.Donor, true, free
		}
	}
	return donor, ok
}
