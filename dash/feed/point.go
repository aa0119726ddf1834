package feed

import (
	"time"

	"github.com/farswap/farswap/status"
)

// Point is what happened to a device between two answers of its server.
type Point struct {
	Seq       uint64        `json:"seq"` // from 1 for each device, without gaps
	At        time.Time     `json:"at"`  // of the later answer, by the feed's clock
	Over      time.Duration `json:"over_ns"`
	Error     string        `json:"error,omitempty"` // why there is no answer; then all below is empty
	Restarted bool          `json:"restarted,omitempty"`

	Rates  Rates        `json:"rates"`
	Spans  []Span       `json:"spans"` // in the order of the status
	Pages  status.Pages `json:"pages"` // at the end
	Donors []DonorPoint `json:"donors"`
}

// Span returns the latency of a source, if the point has it.
func (p *Point) Span(source string) (Span, bool) {
	for _, s := range p.Spans {
		if s.Source == source {
			return s, true
		}
	}
	return Span{}, false
}

// DonorPoint is a donor as its device saw it at the end of a point.
type DonorPoint struct {
	Name    string           `json:"name"` // its address until it has one
	State   string           `json:"state"`
	Slow    bool             `json:"slow"`
	Slabs   int              `json:"slabs"`
	Free    int64            `json:"free_bytes"`
	P99     int64            `json:"p99_ns"`     // as in status.Donor
	Latency status.Quantiles `json:"latency_ns"` // since the server's start
}

// Rates are the rates of a device's counters, per second.
type Rates struct {
	Reads         float64 `json:"reads"`
	Writes        float64 `json:"writes"`
	Discards      float64 `json:"discards"`
	Flushes       float64 `json:"flushes"`
	BytesRead     float64 `json:"bytes_read"`
	BytesWritten  float64 `json:"bytes_written"`
	RemoteReads   float64 `json:"remote_reads"`
	RemoteWrites  float64 `json:"remote_writes"`
	BackingReads  float64 `json:"backing_reads"`
	BackingWrites float64 `json:"backing_writes"`
	ZeroReads     float64 `json:"zero_reads"`
	Errors        float64 `json:"errors"`
	Corrupt       float64 `json:"corrupt"`
	MajorFaults   float64 `json:"major_faults"`
	PagesMoved    float64 `json:"pages_moved"`
}

// newRates returns the rates between two answers of one server.
func newRates(now, before *status.Device, over time.Duration) Rates {
	per := perSecond(over)
	a, b := &now.IO, &before.IO
	return Rates{
		Reads: per(a.Reads, b.Reads), Writes: per(a.Writes, b.Writes),
		Discards: per(a.Discards, b.Discards), Flushes: per(a.Flushes, b.Flushes),
		BytesRead: per(a.BytesRead, b.BytesRead), BytesWritten: per(a.BytesWritten, b.BytesWritten),
		RemoteReads: per(a.RemoteReads, b.RemoteReads), RemoteWrites: per(a.RemoteWrites, b.RemoteWrites),
		BackingReads: per(a.BackingReads, b.BackingReads), BackingWrites: per(a.BackingWrites, b.BackingWrites),
		ZeroReads: per(a.ZeroReads, b.ZeroReads), Errors: per(a.Errors, b.Errors), Corrupt: per(a.Corrupt, b.Corrupt),
		MajorFaults: per(now.Probes.MajorFaults, before.Probes.MajorFaults),
		PagesMoved:  per(now.Moves.Pages, before.Moves.Pages),
	}
}

// perSecond returns the rate of a counter. A counter that went down has begun again at 0.
func perSecond(over time.Duration) func(now, before uint64) float64 {
	return func(now, before uint64) float64 {
		if over <= 0 {
			return 0
		}
		if now >= before {
			now -= before
		}
		return float64(now) / over.Seconds()
	}
}

// DaemonPoint is what happened to a donor of this machine between two of its answers.
type DaemonPoint struct {
	Seq       uint64        `json:"seq"` // from 1 for each donor, without gaps
	At        time.Time     `json:"at"`
	Over      time.Duration `json:"over_ns"`
	Error     string        `json:"error,omitempty"` // why there is no answer; then all below is empty
	Restarted bool          `json:"restarted,omitempty"`

	Rates  DaemonRates        `json:"rates"`
	Memory status.DonorMemory `json:"memory"` // at the end
}

// DaemonRates are the rates of a donor's counters, per second.
type DaemonRates struct {
	Reads        float64 `json:"reads"`
	Writes       float64 `json:"writes"`
	BytesRead    float64 `json:"bytes_read"`
	BytesWritten float64 `json:"bytes_written"`
	Evictions    float64 `json:"evictions"`
	EvictedBytes float64 `json:"evicted_bytes"`
}

func newDaemonRates(now, before *status.DonorDaemon, over time.Duration) DaemonRates {
	per := perSecond(over)
	a, b := &now.IO, &before.IO
	return DaemonRates{
		Reads: per(a.Reads, b.Reads), Writes: per(a.Writes, b.Writes),
		BytesRead: per(a.BytesRead, b.BytesRead), BytesWritten: per(a.BytesWritten, b.BytesWritten),
		Evictions: per(now.Evictions, before.Evictions), EvictedBytes: per(now.EvictedBytes, before.EvictedBytes),
	}
}
