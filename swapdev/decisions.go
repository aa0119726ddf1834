package swapdev

import (
	"fmt"
	"sync"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// How many decisions are kept: the last of the device, and of each slab.
const (
	keptDecisions = 256
	keptOfSlab    = 4
)

// noDonor stands for a donor that there is not.
const noDonor = -1

// decision is a slab that was mapped or moved, or was to be.
type decision struct {
	seq      uint64
	at       time.Time
	slab     int
	from, to int // ids of donors, or noDonor
	rule     slabmap.Rule
	took     time.Duration
	refusal  string // why to is noDonor
	figures  []figure
}

// decisions are the last decisions. Their methods may be called from any goroutine.
type decisions struct {
	mu   sync.Mutex // guards what follows
	seq  uint64
	last []decision         // oldest first
	of   map[int][]decision // by slab, oldest first
}

// add takes a decision down.
func (l *decisions) add(d decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	d.seq, d.at = l.seq, time.Now()
	l.last = keep(l.last, d, keptDecisions)
	if l.of == nil {
		l.of = make(map[int][]decision)
	}
	l.of[d.slab] = keep(l.of[d.slab], d, keptOfSlab)
}

// keep appends d to the last of a list, of which no more than most are kept.
func keep(list []decision, d decision, most int) []decision {
	if len(list) == most {
		copy(list, list[1:])
		list = list[:most-1]
	}
	return append(list, d)
}

// all are the last of the device.
func (l *decisions) all() []decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]decision(nil), l.last...)
}

// slab are the last of a slab.
func (l *decisions) slab(i int) []decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]decision(nil), l.of[i]...)
}

// decide takes a decision down.
func (s *steering) decide(d decision) { s.log.add(d) }

// decisions are those for status.
func (e *engine) decisions(list []decision) []status.Decision {
	all := make([]status.Decision, len(list))
	for i, d := range list {
		all[i] = status.Decision{
			Seq: d.seq, At: d.at, Slab: d.slab, From: e.donorName(d.from), To: e.donorName(d.to),
			Rule: string(d.rule), Took: int64(d.took), Figures: make([]status.DonorFigures, len(d.figures)),
		}
		for j, f := range d.figures {
			all[i].Figures[j] = status.DonorFigures{
				Donor: e.donorName(int(f.donor)), Free: float64(f.free), P99: f.P99, Baseline: f.Baseline, Slow: f.slow,
			}
		}
		all[i].Why = why(all[i], d.refusal)
	}
	return all
}

// slabDecisions are the last of a slab. The error wraps status.ErrInvalid.
func (e *engine) slabDecisions(slab int) ([]status.Decision, error) {
	if n := e.pages.Geometry().Slabs(); slab < 0 || slab >= n {
		return nil, fmt.Errorf("slab %d: %w: the device has slabs 0 to %d", slab, status.ErrInvalid, n-1)
	}
	return e.decisions(e.steering.log.slab(slab)), nil
}

// donorName is the name of a donor as status has it, empty for noDonor.
func (e *engine) donorName(id int) string {
	if id == noDonor {
		return ""
	}
	return e.donors.get(uint16(id)).report().Name
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
