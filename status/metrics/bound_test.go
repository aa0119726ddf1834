package metrics

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/farswap/farswap/status"
)

// countSeries is how many there are, the parts of a classic histogram counted.
func countSeries(samples map[string]string) int {
	n := 0
	for _, value := range samples {
		if strings.HasSuffix(value, " s") {
			n += len(classicPowers) + 3
		} else {
			n++
		}
	}
	return n
}

// TestSeriesAreBounded: ten thousand slabs are no more series than a hundred, donors and
// identities beyond the bound and hundreds of control groups none of their own.
func TestSeriesAreBounded(t *testing.T) {
	count := func(slabs, donors, cgroups, identities int) int {
		s := newSynthetic(slabs, donors, cgroups)
		s.donor.Identities = nil
		for i := range identities {
			s.donor.Identities = append(s.donor.Identities, status.DonorIdentity{Name: fmt.Sprint("db", i), Mapped: 1})
		}
		series := collect(t, "ublkb3", func(out *sink) {
			out.device(&s.device, newCgroups(DefaultCgroups).add(s.device.Cgroups, s.device.At), false)
		})
		return countSeries(series) + countSeries(all(t, &s.donor))
	}
	small, large := count(100, 4, 10, 4), count(10_000, 4, 10, 4)
	if small != large {
		t.Errorf("%d series with 100 slabs, %d with 10,000", small, large)
	}
	most := count(10_000, MaxNamed, 2*DefaultCgroups, MaxNamed)
	if beyond := count(10_000, 2*MaxNamed, 400, 2*MaxNamed); beyond > most+10 {
		t.Errorf("%d series with %d donors and identities, %d with twice as many", most, MaxNamed, beyond)
	}
	t.Logf("%d series of a device and a donor, %d at most", small, most)
	if most > 4000 {
		t.Errorf("%d series: more than the package says", most)
	}
}

// TestNothingIsLostBeyondTheBound: the rest is summed.
func TestNothingIsLostBeyondTheBound(t *testing.T) {
	s := newSynthetic(4000, 300, 0)
	sum, rest := 0, ""
	for key, value := range all(t, &s.device) {
		if strings.HasPrefix(key, deviceSlabs.name+"{") {
			n := 0
			fmt.Sscan(value, &n)
			sum += n
			if strings.Contains(key, `donor="`+Other) {
				rest += value
			}
		}
	}
	// Three slabs in four are mapped, that of number i to donor i modulo 300.
	if want := fmt.Sprint(4000 / 300 * 33); sum != 4000 || rest != want {
		t.Errorf("%d slabs, of which %s are on donors without a name, want 4000 and %s", sum, rest, want)
	}
}

func TestDonorNames(t *testing.T) {
	for _, c := range []struct {
		donors []status.Donor
		want   []string
	}{
		{[]status.Donor{{Name: "a", Address: "1"}, {Name: "b", Address: "2"}}, []string{"a", "b"}},
		{[]status.Donor{{Address: "1"}, {Name: "2", Address: "2"}}, []string{"1", "2"}},
		{[]status.Donor{{Name: "a", Address: "1", State: "down"}, {Name: "a", Address: "2", State: "up"}}, []string{"1", "a"}},
		{[]status.Donor{{Name: "a", Address: "1", State: "up"}, {Name: "a", Address: "2", State: "up"}}, []string{"a", "2"}},
		{[]status.Donor{{Name: "a", Address: "1"}, {Name: "a", Address: "1"}, {Name: "a", Address: "1"}}, []string{"a", "1", Other}},
		{[]status.Donor{{Name: "a", Address: "1"}, {Name: "a", Address: "b"}, {Name: "b", Address: "3"}}, []string{"a", Other, "b"}},
		{[]status.Donor{{Name: Other, Address: "1"}}, []string{Other}},
	} {
		if got := donorNames(c.donors); !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.donors, got, c.want)
		}
	}
}
