package feed

import (
	"cmp"
	"maps"
	"slices"

	"github.com/farswap/farswap/status"
)

// Device is what the feed knows of one device now.
type Device struct {
	ID int `json:"id"`
	Presence
	Status status.Device `json:"status"` // the last answer; zero before the first
}

// Daemon is what the feed knows of one donor of this machine now.
type Daemon struct {
	Name string `json:"name"`
	Presence
	Status status.DonorDaemon `json:"status"` // the last answer; zero before the first
}

// Devices returns all devices by id, with those that ended within the last hour.
func (f *Feed) Devices() []Device {
	f.mu.Lock()
	defer f.mu.Unlock()
	devices := []Device{}
	for _, id := range slices.Sorted(maps.Keys(f.devices)) {
		t := f.devices[id]
		devices = append(devices, Device{id, t.Presence, t.last})
	}
	return devices
}

// Device returns one of Devices.
func (f *Feed) Device(id int) (Device, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.devices[id]
	if !ok {
		return Device{}, false
	}
	return Device{id, t.Presence, t.last}, true
}

// Donors returns all donors of this machine by name, with those that ended within the last
// hour.
func (f *Feed) Donors() []Daemon {
	f.mu.Lock()
	defer f.mu.Unlock()
	donors := []Daemon{}
	for name, t := range f.donors {
		donors = append(donors, Daemon{name, t.Presence, t.last})
	}
	slices.SortFunc(donors, func(a, b Daemon) int { return cmp.Compare(a.Name, b.Name) })
	return donors
}

// Points returns the last limit points of a device with numbers above after, oldest first.
func (f *Feed) Points(id int, after uint64, limit int) []Point {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.devices[id]; t != nil {
		return t.points.after(after, limit)
	}
	return nil
}

// DonorPoints does the same as Points, for a donor of this machine.
func (f *Feed) DonorPoints(name string, after uint64, limit int) []DaemonPoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.donors[name]; t != nil {
		return t.points.after(after, limit)
	}
	return nil
}

// Journal is the end of a list of a device's server: its events or its decisions.
type Journal[T any] struct {
	Entries []T    `json:"entries"` // oldest first; never null
	Last    uint64 `json:"last"`    // the feed's number of the newest entry: ask for entries after it the next time
	Missed  uint64 `json:"missed"`  // entries since the feed began that came and went between two answers
}

// Events returns the last limit events of a device with feed numbers above after. The feed
// numbers events from 1 without gaps, while the numbers of a server begin again when it
// restarts.
func (f *Feed) Events(id int, after uint64, limit int) Journal[status.Event] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.devices[id]; t != nil {
		return t.events.read(after, limit)
	}
	return Journal[status.Event]{Entries: []status.Event{}}
}

// Decisions does the same as Events, for the decisions of placement.
func (f *Feed) Decisions(id int, after uint64, limit int) Journal[status.Decision] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.devices[id]; t != nil {
		return t.decisions.read(after, limit)
	}
	return Journal[status.Decision]{Entries: []status.Decision{}}
}

func (j *journal[T]) read(after uint64, limit int) Journal[T] {
	entries := j.after(after, limit)
	if entries == nil {
		entries = []T{}
	}
	return Journal[T]{Entries: entries, Last: j.added, Missed: j.missed}
}

// Polls returns how often the feed has asked all servers.
func (f *Feed) Polls() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.polls
}

// Err says why the last poll could not look for servers; nil if it could.
func (f *Feed) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Subscribe returns a channel that gets a value after a poll. Several polls that come while
// nobody reads give one value, so read the feed to find out what has changed. Call stop
// when you no longer read the channel; stop does not close it.
func (f *Feed) Subscribe() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers[c] = struct{}{}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, c)
	}
}

func (f *Feed) notify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
