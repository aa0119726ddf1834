package main

import (
	"reflect"
	"testing"
)

// rounds are the first rounds of a seed.
func rounds(seed uint64, n int) []Round {
	s := newSchedule(seed)
	var all []Round
	for range n {
		all = append(all, s.Next())
	}
	return all
}

func TestSameSeedSameSchedule(t *testing.T) {
	a, b := rounds(7, 500), rounds(7, 500)
	if !reflect.DeepEqual(a, b) {
		t.Error("two schedules of one seed differ")
	}
	if reflect.DeepEqual(a, rounds(8, 500)) {
		t.Error("the schedules of two seeds are the same")
	}
}

// TestScheduleHasAll checks that all kinds come alone before any comes again, that all pairs come, and that times
// and places are within their bounds.
func TestScheduleHasAll(t *testing.T) {
	alone, pairs := map[Kind]int{}, map[[2]Kind]bool{}
	donors := map[int]int{}
	const long = 20000
	for i, r := range rounds(3, long) {
		for _, f := range r {
			if f.After < 0 || f.After >= longestWait || f.For < leastFor || f.For >= mostFor || f.Donor < 1 || f.Donor > donorCount {
				t.Fatalf("round %d: %v", i, f)
			}
			donors[f.Donor]++
		}
		switch {
		case (i+1)%pairEvery == 0 && len(r) == 2 && r[0].Kind != r[1].Kind:
			pairs[[2]Kind{r[0].Kind, r[1].Kind}] = true
		case (i+1)%pairEvery != 0 && len(r) == 1:
			alone[r[0].Kind]++
		default:
			t.Fatalf("round %d: %v", i, r)
		}
		least, most := long, 0
		for _, k := range kinds {
			least, most = min(least, alone[k]), max(most, alone[k])
		}
		if most > least+1 {
			t.Fatalf("after round %d a kind came %d times alone, and another %d times", i, most, least)
		}
	}
	if want := len(kinds) * (len(kinds) - 1); len(pairs) != want {
		t.Errorf("%d pairs came, want %d", len(pairs), want)
	}
	if len(donors) != donorCount {
		t.Errorf("faults are at donors %v", donors)
	}
}

func TestOnly(t *testing.T) {
	only, err := parseOnly("cut,donor-kill+disk-fail")
	if err != nil {
		t.Fatal(err)
	}
	s := newSchedule(1)
	s.only = only
	for range 3 {
		if r := s.Next(); len(r) != 1 || r[0].Kind != Cut {
			t.Errorf("%v", r)
		}
		if r := s.Next(); len(r) != 2 || r[0].Kind != DonorKill || r[1].Kind != DiskFail || !r.mayLose() {
			t.Errorf("%v", r)
		}
	}
	if only, err := parseOnly(""); only != nil || err != nil {
		t.Errorf("%v, %v", only, err)
	}
	for _, bad := range []string{"kut", "cut,", "cut+", "cut+delay+silence"} {
		if only, err := parseOnly(bad); err == nil {
			t.Errorf("%q is read as %v", bad, only)
		}
	}
}
