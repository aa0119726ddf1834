package benchmarks

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// PagingResult is what a paging run measured. Mismatches, MajorFaults, PswpIn
// and PswpOut cover the whole run: fill, phases and sweep.
type PagingResult struct {
	Name         string        `json:"name"`
	Size         int64         `json:"size"` // bytes
	Threads      int           `json:"threads"`
	WriteShare   float64       `json:"write_share"`
	Seed         uint64        `json:"seed"`
	FillSeconds  float64       `json:"fill_seconds"`
	Phases       []PagingPhase `json:"phases"`
	SweepSeconds float64       `json:"sweep_seconds"`
	SweptPages   int64         `json:"swept_pages"` // all, unless the run was cut short
	Mismatches   int64         `json:"mismatches"`
	MajorFaults  int64         `json:"major_faults"`
	PswpIn       int64         `json:"pswpin"`  // pages, whole machine
	PswpOut      int64         `json:"pswpout"` // pages, whole machine
	Placement    *Placement    `json:"placement,omitempty"`
}

// PagingPhase is what one pattern measured. A latency is the time of the first touch of a
// page: a few nanoseconds if the page is in memory, else the time of its page fault.
// Seconds includes the verifying and writing that follows; the latency does not.
type PagingPhase struct {
	Pattern           Pattern `json:"pattern"`
	Seconds           float64 `json:"seconds"`
	Accesses          int64   `json:"accesses"`
	Writes            int64   `json:"writes"` // of the accesses
	AccessesPerSecond float64 `json:"accesses_per_second"`
	MeanNS            int64   `json:"mean_ns"`
	P50NS             int64   `json:"p50_ns"`
	P90NS             int64   `json:"p90_ns"`
	P99NS             int64   `json:"p99_ns"`
	P999NS            int64   `json:"p999_ns"`
	MaxNS             int64   `json:"max_ns"`
	Mismatches        int64   `json:"mismatches"`
	MajorFaults       int64   `json:"major_faults"`
	PswpIn            int64   `json:"pswpin"`
	PswpOut           int64   `json:"pswpout"`

	Machine   MachineUsage   `json:"machine"`
	Processes []ProcessUsage `json:"processes"` // this one first, then those watched
}

// PageInsPerSecond counts all pages that came in, by faults and by readahead.
func (p PagingPhase) PageInsPerSecond() float64 { return quotient(float64(p.PswpIn), p.Seconds) }

// A histogram has latencies up to ten minutes, to 1%. It takes 40 KB for each worker,
// so the measuring itself needs little memory.
const (
	maxLatency     = 10 * time.Minute
	latencyDigits  = 2
	reportInterval = 5 * time.Second
)

func newLatency() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(maxLatency), latencyDigits)
}

func (p *PagingPhase) latencies(h *hdrhistogram.Histogram) {
	p.MeanNS = int64(h.Mean())
	p.P50NS = h.ValueAtQuantile(50)
	p.P90NS = h.ValueAtQuantile(90)
	p.P99NS = h.ValueAtQuantile(99)
	p.P999NS = h.ValueAtQuantile(99.9)
	p.MaxNS = h.Max()
}
