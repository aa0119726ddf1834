package placement

import (
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
)

// TestProbationEnds: it begins anew with each forged page, and then it is over.
func TestProbationEnds(t *testing.T) {
	var p probation
	now := time.Unix(1000, 0)
	if p.on(1, now) {
		t.Error("a donor is on probation that has forged nothing")
	}
	p.begin(1, now)
	later := now.Add(ProbationTime - 1)
	if !p.on(1, later) || p.on(2, later) {
		t.Error("not the donor that has forged a page is on probation")
	}
	p.begin(1, later)
	if !p.on(1, now.Add(ProbationTime)) || p.on(1, later.Add(ProbationTime)) {
		t.Error("the probation did not begin anew, or does not end")
	}
}

// TestDonorsOnProbationAreNoCandidates, unless writes have no other place.
func TestDonorsOnProbationAreNoCandidates(t *testing.T) {
	both := []slabmap.Candidate{{Donor: 1}, {Donor: 2}}
	for name, test := range map[string]struct {
		backing    bool
		distrusted []uint16
		want       []slabmap.Candidate
	}{
		"none":                           {true, nil, both},
		"one":                            {true, []uint16{1}, both[1:]},
		"all":                            {true, []uint16{1, 2}, nil},
		"one, without a backing file":    {false, []uint16{2}, both[:1]},
		"all, and there is nothing else": {false, []uint16{1, 2}, both},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSteering(Config{Backing: test.backing})
			for _, donor := range test.distrusted {
				s.Distrust(donor)
			}
			if got := s.trusted(both); !slices.Equal(got, test.want) {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}
