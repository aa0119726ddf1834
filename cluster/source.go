package cluster

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Donor is one donor in the list of a Source.
type Donor struct {
	Name    string        // empty if the source does not know names
	Address string        // control HOST:PORT
	Free    int64         // bytes that it could still lend, as last announced
	Total   int64         // bytes that it lends at most; 0: without an announcement
	Up      time.Duration // age of the donor at its last announcement
	Seen    time.Time     // when this member received the announcement; zero: without one
	Source  string        // static, dns:NAME or gossip
}

// Source lists donors and signals changes of the list. Its methods may be called concurrently.
type Source interface {
	// Donors lists each donor once, in the order of names and addresses. The caller owns the
	// slice. After Close it returns the last list.
	Donors() []Donor

	// Changed returns a channel that gets a signal after the result of Donors has changed. One
	// signal can stand for several changes. The channel is always the same and has one
	// receiver. Close closes it.
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

// fire sends a signal. It never waits: a signal that nobody has received yet stands for all.
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
