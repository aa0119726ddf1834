package placement

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// Report returns decisions as status has them. name gives a donor's name by its id.
func Report(list []Decision, name func(donor uint16) string) []status.Decision {
	title := func(id int) string {
		if id == NoDonor {
			return ""
		}
		return name(uint16(id))
	}
	all := make([]status.Decision, len(list))
	for i, d := range list {
		all[i] = status.Decision{
			Seq: d.seq, At: d.at, Slab: d.Slab, From: title(d.From), To: title(d.To),
			Rule: string(d.Rule), Took: int64(d.Took), Figures: make([]status.DonorFigures, len(d.Figures)),
		}
		for j, f := range d.Figures {
			all[i].Figures[j] = status.DonorFigures{
				Donor: name(f.donor), Free: float64(f.free), P99: f.P99, Baseline: f.Baseline, Slow: f.slow,
			}
		}
		all[i].Why = why(all[i], d.Refusal)
	}
	return all
}

// why says why a slab was mapped or moved, for people.
func why(d status.Decision, refusal string) string {
	cause := ""
	switch slabmap.Rule(d.Rule) {
	case slabmap.GivenBack:
		cause = fmt.Sprintf("%s wanted its memory back", d.From)
	case slabmap.SlowDonor:
		cause = fmt.Sprintf("%s was slow", d.From)
		if f, ok := figuresOf(d, d.From); ok {
			f.Slow = false // said already
			cause = fmt.Sprintf("%s was slow: %s", d.From, latencyOf(f))
		}
	case slabmap.Emptier:
		cause = "of the donors asked it had the largest share of its memory free"
	case slabmap.Faster:
		cause = "it was the faster one"
	case slabmap.NewMachine:
		cause = "it was the only donor without a slab of this device"
	case slabmap.OnlyOne:
		cause = "it was the only donor to choose from"
	}
	if d.To == "" {
		if d.From == "" {
			return "no donor took it: " + refusal
		}
		return cause + ", but no donor took it: " + refusal
	}
	for i, f := range d.Figures {
		if f.Donor == d.From {
			continue
		}
		cause += []string{"; ", ", "}[min(i, 1)] + f.Donor + " had " + figuresText(f)
	}
	return cause
}

// figuresOf finds what was known of a donor.
func figuresOf(d status.Decision, donor string) (status.DonorFigures, bool) {
	for _, f := range d.Figures {
		if f.Donor == donor && f.P99 > 0 {
			return f, true
		}
	}
	return status.DonorFigures{}, false
}

func figuresText(f status.DonorFigures) string {
	free := "not been asked for its memory"
	if f.Free >= 0 {
		free = fmt.Sprintf("%.0f%% free", 100*f.Free)
	}
	if f.P99 == 0 {
		return free + ", no reads lately"
	}
	return free + ", " + latencyOf(f)
}

// latencyOf is a donor's latency in words.
func latencyOf(f status.DonorFigures) string {
	text := "p99 " + duration(f.P99)
	if f.Baseline > 0 {
		text += " (" + duration(f.Baseline) + " when all is well)"
	}
	if f.Slow {
		text += ", slow"
	}
	return text
}

// duration is so many nanoseconds in three digits.
func duration(ns int64) string {
	digit := time.Duration(1)
	for ns/int64(digit) >= 1000 {
		digit *= 10
	}
	return time.Duration(ns).Round(digit).String()
}
