package top

import (
	"math"
	"time"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
)

// Bounds of what one frame draws.
const (
	maxListed = 500 // events and decisions
)

// snapshot is all from which a frame is drawn, at one moment.
type snapshot struct {
	at        time.Time
	interval  time.Duration
	devices   []feed.Device // all of them
	device    feed.Device   // the one that is shown
	known     bool          // there is such a device
	points    []feed.Point  // its newest ones
	events    feed.Journal[status.Event]
	decisions feed.Journal[status.Decision]
	donors    []feed.Daemon // of this machine
	err       error         // why nobody could be asked
}

// take reads a feed: one device and its last points.
func take(f *feed.Feed, id, points int, now time.Time) *snapshot {
	s := &snapshot{at: now, interval: f.Interval(), devices: f.Devices(), donors: f.Donors(), err: f.Err()}
	if s.device, s.known = f.Device(id); !s.known {
		s.device.ID = id
		return s
	}
	s.points = f.Points(id, s.device.Seq-min(s.device.Seq, uint64(points)), points)
	s.events = f.Events(id, 0, maxListed)
	s.decisions = f.Decisions(id, 0, maxListed)
	return s
}

// last returns the newest point of an answer. It is empty if there is none, or if the
// server does not answer now.
func (s *snapshot) last() (feed.Point, bool) {
	if n := len(s.points); n > 0 && s.points[n-1].Error == "" && s.device.State == feed.Live {
		return s.points[n-1], true
	}
	return feed.Point{}, false
}

// series returns one figure of each point, NaN where there was no answer.
func (s *snapshot) series(of func(*feed.Point) float64) []float64 {
	values := make([]float64, len(s.points))
	for i := range s.points {
		if values[i] = math.NaN(); s.points[i].Error == "" {
			values[i] = of(&s.points[i])
		}
	}
	return values
}

// sources returns the device's sources of latency, in the order of its status.
func (s *snapshot) sources() []string {
	var names []string
	for _, h := range s.device.Status.Histograms {
		names = append(names, h.Source)
	}
	return names
}

// sourceOr returns the chosen source, or else the one nearest to the application.
func (s *snapshot) sourceOr(chosen string) string {
	names := map[string]bool{}
	for _, h := range s.device.Status.Histograms {
		if h.Source == chosen {
			return chosen
		}
		names[h.Source] = h.Latency.Sum > 0
	}
	for _, source := range []string{status.SourceFault, status.SourceRead, status.SourceWrite} {
		if names[source] {
			return source
		}
	}
	return status.SourceRead
}

// loads returns the page I/Os per second at each donor of the device, by name. The slabs on
// no donor have the name "".
func (s *snapshot) loads() map[string]float64 {
	loads := map[string]float64{}
	for i := range s.device.Status.Slabs {
		slab := &s.device.Status.Slabs[i]
		loads[slab.Donor] += slab.Activity
	}
	return loads
}

// donorName returns a donor's name, or its address until it has said its name.
func donorName(d *status.Donor) string {
	if d.Name == "" {
		return d.Address
	}
	return d.Name
}
