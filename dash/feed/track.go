package feed

import (
	"time"
	"unique"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// Bounds of the history of one server: an hour with an interval of a second.
const (
	MaxPoints = 3600
	MaxEvents = 1000 // and as many decisions

	maxSpans  = 16 // of a point; the contract names 10 sources
	maxDonors = 64 // of a point
)

// State says whether and how a server answers.
type State string

// States of a server.
const (
	Waiting State = "waiting" // the feed has not asked it yet
	Live    State = "live"    // it answered the last question
	Silent  State = "silent"  // it runs, and did not answer the last question
	Dead    State = "dead"    // it died: its folder is left, and nobody holds its lock
	Gone    State = "gone"    // it ended: its folder is no longer there
)

// Presence says whether a server is there. Device and Daemon have it in common.
type Presence struct {
	State    State     `json:"state"`
	Error    string    `json:"error,omitempty"` // why it is not live
	Since    time.Time `json:"since"`           // of this state
	Answered time.Time `json:"answered"`        // the last time; zero: never
	Restarts int       `json:"restarts"`        // seen by this feed
	Seq      uint64    `json:"seq"`             // of the newest point; 0: none
}

func (p *Presence) become(s State, why string, at time.Time) {
	if p.State != s {
		p.State, p.Since = s, at
	}
	p.Error = why
}

// over returns the time between two answers. It takes the server's clock, which a late
// answer does not distort, unless somebody set that clock in between.
func over(now, before, received, receivedBefore time.Time) time.Duration {
	mine := received.Sub(receivedBefore)
	d := now.Sub(before)
	if now.IsZero() || before.IsZero() || d <= 0 || (d-mine).Abs() > max(mine/2, time.Second) {
		return mine
	}
	return d
}

// sinceStart returns the part of a time span that ends now in which the server was up.
func sinceStart(elapsed time.Duration, started, now time.Time) time.Duration {
	if up := now.Sub(started); !started.IsZero() && up > 0 {
		return min(elapsed, up)
	}
	return elapsed
}

// track is the history of one device. Its owner guards it.
type track struct {
	Presence
	last      status.Device
	points    ring[Point]
	events    journal[status.Event]
	decisions journal[status.Decision]
}

func newTrack(at time.Time) *track {
	return &track{
		Presence:  Presence{State: Waiting, Since: at},
		points:    ring[Point]{most: MaxPoints},
		events:    journal[status.Event]{ring: ring[status.Event]{most: MaxEvents}},
		decisions: journal[status.Decision]{ring: ring[status.Decision]{most: MaxEvents}},
	}
}

// answer adds what the server said at a time.
func (t *track) answer(d status.Device, at time.Time) {
	before, first := t.last, t.Answered.IsZero()
	elapsed := over(d.At, before.At, at, t.Answered)
	restarted := !first && (d.PID != before.PID || !d.Started.Equal(before.Started))
	if restarted {
		before = status.Device{}
		t.events.restart()
		t.decisions.restart()
		t.Restarts++
		elapsed = sinceStart(elapsed, d.Started, d.At)
	}
	if !first && elapsed > 0 {
		t.points.add(t.point(&d, &before, at, elapsed, restarted))
	}
	t.events.take(d.Events, func(e *status.Event) uint64 { return e.Seq })
	t.decisions.take(d.Decisions, func(e *status.Decision) uint64 { return e.Seq })
	t.last, t.Answered, t.Seq = d, at, t.points.added
	t.become(Live, "", at)
}

func (t *track) point(d, before *status.Device, at time.Time, elapsed time.Duration, restarted bool) Point {
	p := Point{
		Seq: t.points.added + 1, At: at, Over: elapsed, Restarted: restarted,
		Rates: newRates(d, before, elapsed), Pages: d.Pages,
		Spans: make([]Span, 0, min(len(d.Histograms), maxSpans)), Donors: make([]DonorPoint, 0, min(len(d.Donors), maxDonors)),
	}
	for i := range d.Histograms[:cap(p.Spans)] {
		h := &d.Histograms[i]
		since := h.Latency
		if b := histogram(before, h.Source); b != nil {
			since = h.Latency.Since(b)
		}
		p.Spans = append(p.Spans, newSpan(shared(h.Source), (*loghist.Histogram)(&since)))
	}
	for _, o := range d.Donors[:cap(p.Donors)] {
		name := o.Name
		if name == "" {
			name = o.Address
		}
		p.Donors = append(p.Donors, DonorPoint{
			Name: shared(name), State: shared(o.State), Slow: o.Slow, Slabs: o.Slabs, Free: o.Free, P99: o.P99, Latency: o.Latency,
		})
	}
	return p
}

// histogram returns the durations of a source, nil if there are none.
func histogram(d *status.Device, source string) *status.Distribution {
	for i := range d.Histograms {
		if d.Histograms[i].Source == source {
			return &d.Histograms[i].Latency
		}
	}
	return nil
}

// shared returns one copy of s for all points, so that not each answer keeps its own.
func shared(s string) string { return unique.Make(s).Value() }

// miss notes that there was no answer. Of a server that never answered, or that is no
// longer there, it keeps nothing but the state.
func (t *track) miss(s State, why string, at time.Time) {
	if s == Silent && !t.Answered.IsZero() {
		t.points.add(Point{Seq: t.points.added + 1, At: at, Error: why, Spans: []Span{}, Donors: []DonorPoint{}})
		t.Seq = t.points.added
	}
	t.become(s, why, at)
}

// daemonTrack is the history of one donor of this machine. Its owner guards it.
type daemonTrack struct {
	Presence
	last   status.DonorDaemon
	points ring[DaemonPoint]
}

func newDaemonTrack(at time.Time) *daemonTrack {
	return &daemonTrack{Presence: Presence{State: Waiting, Since: at}, points: ring[DaemonPoint]{most: MaxPoints}}
}

// answer adds what the donor said at a time.
func (t *daemonTrack) answer(d status.DonorDaemon, at time.Time) {
	before, first := t.last, t.Answered.IsZero()
	elapsed := at.Sub(t.Answered)
	restarted := !first && (d.PID != before.PID || !d.Started.Equal(before.Started))
	if restarted {
		before = status.DonorDaemon{}
		t.Restarts++
		elapsed = sinceStart(elapsed, d.Started, at)
	}
	if !first && elapsed > 0 {
		t.points.add(DaemonPoint{
			Seq: t.points.added + 1, At: at, Over: elapsed, Restarted: restarted,
			Rates: newDaemonRates(&d, &before, elapsed), Memory: d.Memory,
		})
	}
	t.last, t.Answered, t.Seq = d, at, t.points.added
	t.become(Live, "", at)
}

// miss does the same as track.miss, for a donor.
func (t *daemonTrack) miss(s State, why string, at time.Time) {
	if s == Silent && !t.Answered.IsZero() {
		t.points.add(DaemonPoint{Seq: t.points.added + 1, At: at, Error: why})
		t.Seq = t.points.added
	}
	t.become(s, why, at)
}
