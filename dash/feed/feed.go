package feed

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/farswap/farswap/status"
)

const (
	// MinInterval and MaxInterval bound the time between two questions.
	MinInterval = 100 * time.Millisecond
	MaxInterval = time.Minute

	// DefaultInterval is the interval of a Config that has none.
	DefaultInterval = time.Second

	// MaxServers is how many devices and donors together the feed remembers, unless more
	// are running.
	MaxServers = 64

	// easeOff times the duration of the slowest answer is the least pause between two
	// questions.
	easeOff = 4

	// shortestWait and longestWait bound the wait for an answer, which is otherwise as
	// long as the interval: a mute server must not hold up the others.
	shortestWait = time.Second
	longestWait  = 5 * time.Second
)

// Config says what a Feed watches.
type Config struct {
	Root     string        // of the state folders; empty: status.DefaultRoot
	Interval time.Duration // between two questions; 0: DefaultInterval; kept within MinInterval and MaxInterval
}

// Feed asks all servers below a root and keeps their answers. Several goroutines may call
// all methods at once.
type Feed struct {
	root  string
	kick  chan struct{} // the interval has changed
	asked sync.Mutex    // held while the servers are asked; before mu

	mu       sync.Mutex // guards all below
	interval time.Duration
	devices  map[int]*track
	donors   map[string]*daemonTrack
	err      error
	polls    uint64
	watchers map[chan struct{}]struct{}
}

// New makes a Feed that has not asked anybody yet: see Run and Poll.
func New(c Config) *Feed {
	if c.Root == "" {
		c.Root = status.DefaultRoot
	}
	f := &Feed{
		root: c.Root, kick: make(chan struct{}, 1), devices: map[int]*track{}, donors: map[string]*daemonTrack{},
		watchers: map[chan struct{}]struct{}{},
	}
	f.SetInterval(c.Interval)
	return f
}

// Interval returns the time between two questions.
func (f *Feed) Interval() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.interval
}

// SetInterval changes the time between two questions, within its bounds; 0 is the
// default. A Run that waits uses the new time at once.
func (f *Feed) SetInterval(d time.Duration) {
	if d == 0 {
		d = DefaultInterval
	}
	f.mu.Lock()
	f.interval = min(max(d, MinInterval), MaxInterval)
	f.mu.Unlock()
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Run polls until the context ends, and returns when all its goroutines have ended.
func (f *Feed) Run(ctx context.Context) {
	for {
		start := time.Now()
		slowest := f.Poll(ctx)
		for wait := true; wait; {
			next := max(f.Interval(), easeOff*slowest)
			timer := time.NewTimer(time.Until(start.Add(next)))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-f.kick:
			case <-timer.C:
				wait = false
			}
			timer.Stop()
		}
	}
}

// Poll asks every server once, all at the same time, and returns how long the slowest
// answer took. The servers' states and Err say what Poll could not find out.
func (f *Feed) Poll(ctx context.Context) time.Duration {
	f.asked.Lock()
	defer f.asked.Unlock()
	folders, err := status.Folders(f.root)
	if err != nil { // servers may be there, but nothing is known of them
		f.mu.Lock()
		f.err = err
		f.mu.Unlock()
		f.notify()
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, min(max(f.Interval(), shortestWait), longestWait))
	defer cancel()
	answers := make([]answer, len(folders))
	var all sync.WaitGroup
	for i, folder := range folders {
		all.Go(func() { answers[i] = ask(ctx, folder) })
	}
	all.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return 0 // the caller has given up, so missing answers mean nothing
	}
	slowest := time.Duration(0)
	for _, a := range answers {
		if a.err == nil && a.folder.Alive {
			slowest = max(slowest, a.took)
		}
	}
	f.mu.Lock()
	f.err = nil
	f.polls++
	f.apply(answers)
	f.mu.Unlock()
	f.notify()
	return slowest
}

// answer is what one server said.
type answer struct {
	folder status.Folder
	device status.Device
	donor  status.DonorDaemon
	err    error
	at     time.Time
	took   time.Duration
}

// ask asks the server of a folder, if it lives.
func ask(ctx context.Context, f status.Folder) answer {
	a := answer{folder: f}
	start := time.Now()
	switch {
	case !f.Alive:
	case f.Donor != "":
		a.donor, a.err = status.FetchDonor(ctx, status.Socket(f.Dir))
	default:
		a.device, a.err = status.Fetch(ctx, status.Socket(f.Dir))
	}
	a.at = time.Now()
	a.took = a.at.Sub(start)
	return a
}

// apply adds the answers to the histories. f.mu is held.
func (f *Feed) apply(answers []answer) {
	now := time.Now()
	seenDevices, seenDonors := map[int]bool{}, map[string]bool{}
	for _, a := range answers {
		state, why := Live, ""
		switch {
		case !a.folder.Alive:
			state, why = Dead, "its server died"
		case errors.Is(a.err, status.ErrNoServer): // a server holds its lock for longer than it has a socket
			state, why = Silent, "its server starts or stops"
		case a.err != nil:
			state, why = Silent, a.err.Error()
		}
		if a.folder.Donor != "" {
			seenDonors[a.folder.Donor] = true
			t := f.donors[a.folder.Donor]
			if t == nil {
				t = newDaemonTrack(a.at)
				f.donors[a.folder.Donor] = t
			}
			record(state, func() { t.answer(a.donor, a.at) }, func() { t.miss(state, why, a.at) })
			continue
		}
		seenDevices[a.folder.ID] = true
		t := f.devices[a.folder.ID]
		if t == nil {
			t = newTrack(a.at)
			f.devices[a.folder.ID] = t
		}
		record(state, func() { t.answer(a.device, a.at) }, func() { t.miss(state, why, a.at) })
	}
	for id, t := range f.devices {
		if !seenDevices[id] {
			t.miss(Gone, "its server ended", now)
		}
	}
	for name, t := range f.donors {
		if !seenDonors[name] {
			t.miss(Gone, "it ended", now)
		}
	}
	f.forget(now)
}

func record(s State, live, not func()) {
	if s == Live {
		live()
	} else {
		not()
	}
}

// forget drops servers that have been gone for as long as the history goes back. If there
// are too many, it drops those that have been gone for the longest time. f.mu is held.
func (f *Feed) forget(now time.Time) {
	for {
		oldest, drop := now, func() {}
		found := false
		for id, t := range f.devices {
			if t.State == Gone && !t.Since.After(oldest) {
				oldest, drop, found = t.Since, func() { delete(f.devices, id) }, true
			}
		}
		for name, t := range f.donors {
			if t.State == Gone && !t.Since.After(oldest) {
				oldest, drop, found = t.Since, func() { delete(f.donors, name) }, true
			}
		}
		if !found || len(f.devices)+len(f.donors) <= MaxServers && now.Sub(oldest) < MaxPoints*f.interval {
			return
		}
		drop()
	}
}
