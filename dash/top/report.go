package top

import (
	"time"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
)

// Report is what `farswap top --json` writes for each interval: what happened in it, and
// how things are at its end. It has no slabs and histograms, which `ublk status --json` has.
type Report struct {
	At      time.Time      `json:"at"`
	Devices []DeviceReport `json:"devices"` // never null, as are the lists below
	Donors  []DaemonReport `json:"donors"`  // of this machine
}

// DeviceReport is one device in a Report.
type DeviceReport struct {
	ID    int        `json:"id"`
	Path  string     `json:"path"`
	State feed.State `json:"state"`           // whether its server answers
	Error string     `json:"error,omitempty"` // why it does not

	Over      time.Duration     `json:"over_ns"` // time that the rates and latencies cover; 0: there is no earlier answer to compare with
	Restarted bool              `json:"restarted"`
	Rates     feed.Rates        `json:"rates"` // per second
	Latency   []feed.Span       `json:"latency"`
	Degraded  bool              `json:"degraded"`
	Pages     status.Pages      `json:"pages"`
	IO        status.IO         `json:"io"` // since the server's start
	Moves     status.Moves      `json:"moves"`
	Donors    []status.Donor    `json:"donors"`
	Events    []status.Event    `json:"events"`    // new since the last report
	Decisions []status.Decision `json:"decisions"` // likewise
}

// DaemonReport is one donor of this machine in a Report.
type DaemonReport struct {
	Name   string             `json:"name"`
	State  feed.State         `json:"state"`
	Error  string             `json:"error,omitempty"`
	Over   time.Duration      `json:"over_ns"`
	Rates  feed.DaemonRates   `json:"rates"`
	Memory status.DonorMemory `json:"memory"`
}

// reporter makes reports. Each has what is new since the one before.
type reporter struct {
	feed *feed.Feed
	only int // the device to report, or -1
	seen map[int]*reported
}

type reported struct{ points, events, decisions uint64 }

func newReporter(f *feed.Feed, only int) *reporter {
	r := &reporter{feed: f, only: only, seen: map[int]*reported{}}
	for _, d := range f.Devices() { // what happened before is not new
		r.seen[d.ID] = &reported{d.Seq, f.Events(d.ID, 0, 0).Last, f.Decisions(d.ID, 0, 0).Last}
	}
	return r
}

func (r *reporter) report(now time.Time) Report {
	out := Report{At: now, Devices: []DeviceReport{}, Donors: []DaemonReport{}}
	for _, d := range r.feed.Devices() {
		if r.only < 0 || d.ID == r.only {
			out.Devices = append(out.Devices, r.device(&d))
		}
	}
	for _, d := range r.feed.Donors() {
		o := DaemonReport{Name: d.Name, State: d.State, Error: d.Error, Memory: d.Status.Memory}
		if p := r.feed.DonorPoints(d.Name, 0, 1); len(p) == 1 && p[0].Error == "" && d.State == feed.Live {
			o.Over, o.Rates = p[0].Over, p[0].Rates
		}
		out.Donors = append(out.Donors, o)
	}
	return out
}

func (r *reporter) device(d *feed.Device) DeviceReport {
	s := r.seen[d.ID]
	if s == nil {
		s = &reported{}
		r.seen[d.ID] = s
	}
	events, decisions := r.feed.Events(d.ID, s.events, feed.MaxEvents), r.feed.Decisions(d.ID, s.decisions, feed.MaxEvents)
	o := DeviceReport{
		ID: d.ID, Path: d.Status.Path, State: d.State, Error: d.Error, Degraded: d.Status.Degraded, Pages: d.Status.Pages,
		IO: d.Status.IO, Moves: d.Status.Moves, Donors: append([]status.Donor{}, d.Status.Donors...), Latency: []feed.Span{},
		Events: events.Entries, Decisions: decisions.Entries,
	}
	if p := r.feed.Points(d.ID, s.points, 1); len(p) == 1 && p[0].Error == "" {
		o.Over, o.Rates, o.Latency, o.Restarted = p[0].Over, p[0].Rates, p[0].Spans, p[0].Restarted
	}
	*s = reported{d.Seq, events.Last, decisions.Last}
	return o
}
