package web

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
)

const (
	// maxEntries is how many events, and how many decisions, the first event has.
	maxEntries = 200
	// maxCgroups is how many control groups a page gets, those with the most faults.
	maxCgroups = 50
	// maxSessions is how many sessions and leases of a donor a page gets.
	maxSessions = 256
)

// watcher makes the events of one page about one device or donor of this machine. It
// remembers what it has sent. It is not safe for concurrent use.
type watcher struct {
	feed *feed.Feed
	key  string
	kind string
	name string
	id   int // of a device

	begun       bool
	presence    detail // as sent
	at          time.Time
	device      []byte
	donors      []byte
	slowest     []byte
	cgroups     []byte
	faults      map[uint64]uint64 // by control group, as sent
	slabs       slabMemory
	points      uint64
	coarse      uint64
	events      uint64
	decisions   uint64
	missed      uint64
	donorDaemon []byte
}

func newWatcher(f *feed.Feed, kind, name string) *watcher {
	w := &watcher{feed: f, key: localKey(kind, name), kind: kind, name: name, id: -1}
	if id, err := strconv.Atoi(name); err == nil && strconv.Itoa(id) == name {
		w.id = id
	}
	return w
}

// next returns the event to send now, or nil if nothing has changed. ok is false if the
// device or donor is not known, or no longer.
func (w *watcher) next() (d *detail, ok bool) {
	if w.kind == kindDonor {
		d, ok = w.nextDonor()
	} else {
		d, ok = w.nextDevice()
	}
	if ok && !w.begun {
		w.begun, d.Full = true, true
	}
	return d, ok
}

// isNew notes a section and returns whether it has to be sent.
func isNew(sent *[]byte, now []byte) json.RawMessage {
	if bytes.Equal(*sent, now) {
		return nil
	}
	*sent = now
	return now
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // a server sent a NaN: the page shows the section as absent
		return []byte("null")
	}
	return data
}

// presenceChanged notes whether the server answers, and returns whether that has changed.
func (w *watcher) presenceChanged(d *detail) bool {
	p := detail{Key: d.Key, State: d.State, Error: d.Error, Since: d.Since, Answered: d.Answered}
	same := w.presence.State == p.State && w.presence.Error == p.Error && w.presence.Since == p.Since && w.presence.Answered == p.Answered
	w.presence = p
	return !same
}

func (w *watcher) nextDevice() (*detail, bool) {
	now, ok := w.feed.Device(w.id)
	if !ok {
		return nil, false
	}
	if now.Seq < w.points { // the feed has forgotten it in between, and knows it again
		*w = *newWatcher(w.feed, w.kind, w.name)
	}
	d := &detail{Key: w.key, State: string(now.State), Error: now.Error, Since: millis(now.Since), Answered: millis(now.Answered)}
	changed := w.presenceChanged(d)
	w.addPoints(d, now.Seq)
	w.addEntries(d)
	s := now.Status // a copy: the feed's is shared
	if !now.Answered.IsZero() && !now.Answered.Equal(w.at) {
		d.Donors = isNew(&w.donors, mustJSON(s.Donors))
		d.Slowest = isNew(&w.slowest, mustJSON(s.Slowest))
		d.Cgroups = isNew(&w.cgroups, mustJSON(w.cgroupsOf(&s, now.Answered)))
		d.Slabs = w.slabs.change(s.Slabs, s.Donors)
		s.Donors, s.Slabs, s.Histograms, s.Cgroups, s.Slowest, s.Events, s.Decisions = nil, nil, nil, nil, nil, nil, nil
		d.Device = isNew(&w.device, mustJSON(s))
		w.at = now.Answered
	}
	if !changed && d.Points == nil && d.Device == nil && w.begun {
		return nil, true
	}
	return d, true
}

// addPoints adds what is new in the history.
func (w *watcher) addPoints(d *detail, newest uint64) {
	if newest == w.points {
		return
	}
	if w.points == 0 { // a new page gets all coarse columns, and the fine ones of finePoints
		all := w.feed.Points(w.id, 0, feed.MaxPoints)
		d.Coarse, d.CoarsePoints = columnsOf(whole(all), coarsePer), joined(devicePoints(all))
		if n := len(all); n > 0 {
			w.points = all[n-1].Seq
			w.coarse = (w.points + 1) / coarsePer
		}
		recent := all[max(0, len(all)-finePoints):]
		d.Points, d.Fine = devicePoints(recent), columnsOf(recent, 1)
		return
	}
	fresh := w.feed.Points(w.id, w.points, finePoints)
	if len(fresh) == 0 {
		return
	}
	w.points = fresh[len(fresh)-1].Seq
	d.Points, d.Fine = devicePoints(fresh), columnsOf(fresh, 1)
	if done := (w.points + 1) / coarsePer; done > w.coarse {
		whole := whole(w.feed.Points(w.id, max(w.coarse*coarsePer, 1)-1, feed.MaxPoints))
		d.Coarse, d.CoarsePoints = columnsOf(whole, coarsePer), joined(devicePoints(whole))
		w.coarse = done
	}
}

// whole leaves out the points of a coarse column that is not complete yet.
func whole(points []feed.Point) []feed.Point {
	n := len(points)
	for n > 0 && (points[n-1].Seq+1)%coarsePer != 0 {
		n--
	}
	return points[:n]
}

func (w *watcher) addEntries(d *detail) {
	events := w.feed.Events(w.id, w.events, maxEntries)
	decisions := w.feed.Decisions(w.id, w.decisions, maxEntries)
	w.events, w.decisions = events.Last, decisions.Last
	d.Events, d.Decisions = events.Entries, decisions.Entries
	if missed := events.Missed + decisions.Missed; missed != w.missed {
		w.missed = missed
		d.Missed = missed
	}
}

// cgroupsOf returns the control groups with the most faults, and their rates since the
// last call.
func (w *watcher) cgroupsOf(s *status.Device, at time.Time) []cgroup {
	list := s.Cgroups[:min(len(s.Cgroups), maxCgroups)]
	faults, groups := map[uint64]uint64{}, []cgroup{}
	over := at.Sub(w.at).Seconds()
	for i := range list {
		h := &list[i].Latency
		g := cgroup{ID: list[i].ID, Name: list[i].Name, Count: h.Count(), Sum: h.Sum, Rate: -1, Total: status.Quantiles{
			P50: h.Quantile(0.5), P99: h.Quantile(0.99), P999: h.Quantile(0.999),
		}}
		if before, known := w.faults[g.ID]; known && g.Count >= before && over > 0 {
			g.Rate = tenth(float64(g.Count-before) / over)
		}
		faults[g.ID] = g.Count
		groups = append(groups, g)
	}
	w.faults = faults
	return groups
}

func (w *watcher) nextDonor() (*detail, bool) {
	for _, now := range w.feed.Donors() {
		if now.Name != w.name {
			continue
		}
		if now.Seq < w.points {
			*w = *newWatcher(w.feed, w.kind, w.name)
		}
		d := &detail{Key: w.key, State: string(now.State), Error: now.Error, Since: millis(now.Since), Answered: millis(now.Answered)}
		changed := w.presenceChanged(d)
		if points := donorPoints(w.feed.DonorPoints(w.name, w.points, feed.MaxPoints)); len(points) > 0 {
			w.points = points[len(points)-1][0].(uint64)
			d.Points = points[max(0, len(points)-finePoints):]
			begun := donorPoints(w.feed.DonorPoints(w.name, max(w.coarse*coarsePer, 1)-1, feed.MaxPoints))
			if d.CoarsePoints = joined(begun); d.CoarsePoints != nil {
				w.coarse = (w.points + 1) / coarsePer
			}
		}
		if !now.Answered.IsZero() {
			s := now.Status
			s.Sessions = s.Sessions[:min(len(s.Sessions), maxSessions)]
			s.Leases = s.Leases[:min(len(s.Leases), maxSessions)]
			s.Identities = s.Identities[:min(len(s.Identities), maxSessions)]
			d.Donor = isNew(&w.donorDaemon, mustJSON(s))
		}
		if !changed && d.Points == nil && d.Donor == nil && w.begun {
			return nil, true
		}
		return d, true
	}
	return nil, false
}
