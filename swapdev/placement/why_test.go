package placement

import (
	"testing"

	"github.com/farswap/farswap/status"
)

func TestWhy(t *testing.T) {
	a := status.DonorFigures{Donor: "a", Free: 0.6, P99: 480_123, Baseline: 500_000}
	b := status.DonorFigures{Donor: "b", Free: notAsked, P99: 20_500_000, Baseline: 510_000, Slow: true}
	c := status.DonorFigures{Donor: "c", Free: 0.25}
	for _, tt := range []struct {
		d       status.Decision
		refusal string
		want    string
	}{
		{status.Decision{To: "a", Rule: "emptier", Figures: []status.DonorFigures{a, c}}, "", "of the donors asked it had the largest share of its memory free; a had 60% free, p99 480µs (500µs when all is well), c had 25% free, no reads lately"},
		{status.Decision{To: "a", Rule: "faster", Figures: []status.DonorFigures{a}}, "", "it was the faster one; a had 60% free, p99 480µs (500µs when all is well)"},
		{status.Decision{To: "a", Rule: "new-machine"}, "", "it was the only donor without a slab of this device"},
		{status.Decision{To: "a", Rule: "only-one"}, "", "it was the only donor to choose from"},
		{status.Decision{From: "b", To: "a", Rule: "slow-donor", Figures: []status.DonorFigures{a, b}}, "", "b was slow: p99 20.5ms (510µs when all is well); a had 60% free, p99 480µs (500µs when all is well)"},
		{status.Decision{From: "b", Rule: "slow-donor", Figures: []status.DonorFigures{b}}, "all full", "b was slow: p99 20.5ms (510µs when all is well), but no donor took it: all full"},
		{status.Decision{From: "b", To: "c", Rule: "given-back", Figures: []status.DonorFigures{c, b}}, "", "b wanted its memory back; c had 25% free, no reads lately"},
		{status.Decision{Rule: "emptier"}, "all full", "no donor took it: all full"},
	} {
		if got := why(tt.d, tt.refusal); got != tt.want {
			t.Errorf("%+v:\n got %s\nwant %s", tt.d, got, tt.want)
		}
	}
}
