package cluster

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Donor is one donor as the cluster knows it.
type Donor struct {
	Name    string        // "" when the source does not know names
	Address string        // control HOST:PORT
	Free    int64         // bytes that it could still lend, as last announced
	Total   int64         // bytes that it lends at most; 0: nothing was announced
	Up      time.Duration // how long it had announced then
	Seen    time.Time     // when that was heard here; zero: nothing was announced
	Source  string        // static, dns:NAME or gossip
}

// A Source tells which donors there are, and when that changes. Its methods may
// be called concurrently.
type Source interface {
	// Donors lists each donor once, by name and address. The slice is the
	// caller's. After Close it is the last list.
	Donors() []Donor

	// Changed receives after what Donors says has changed; several changes can
	// be one signal. The channel is always the same, has one receiver, and is
	// closed by Close.
	Changed() <-chan struct{}

	// Close ends the source and waits for its goroutines.
	Close() error
}

// signal is the channel of Source.Changed.
type signal struct {
	mu     sync.Mutex // guards closed, and sending against closing
	closed bool
	c      chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{}, 1)} }

// fire never waits: one signal that was not received stands for all.
func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	select {
	case s.c <- struct{}{}:
	default:
	}
}

func (s *signal) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.c)
	}
}

func sortDonors(donors []Donor) {
	slices.SortFunc(donors, func(a, b Donor) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address))
	})
}
