package cluster

import (
	"sync"
	"time"
)

// announcer decides what this member announces and when. It has no clock: callers pass times in, and
// only differences matter.
type announcer struct {
	timing timing
	poke   chan struct{} // set has a new announcement

	mu     sync.Mutex // guards the fields below
	wanted *Announcement
	made   *announced // the last announcement; nil: none
	meta   []byte     // the same, encoded
	first  time.Time  // time of the first announcement since there was none
	last   time.Time  // time of the last announcement or withdrawal
}

func newAnnouncer(t timing) *announcer {
	return &announcer{timing: t, poke: make(chan struct{}, 1)}
}

// set changes what this member announces from now on; nil announces nothing.
func (a *announcer) set(wanted *Announcement) {
	a.mu.Lock()
	a.wanted = wanted
	a.mu.Unlock()
	select {
	case a.poke <- struct{}{}:
	default:
	}
}

// due returns how long to wait before the next announcement. ok is false if there is none.
func (a *announcer) due(now time.Time) (wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pause := a.timing.announceMin
	switch {
	case a.wanted == nil && a.made == nil:
		return 0, false
	case a.wanted != nil && a.made != nil && !muchChanged(a.made.Announcement, *a.wanted):
		pause = a.timing.announceMax
	}
	if a.last.IsZero() {
		return 0, true
	}
	return max(0, pause-now.Sub(a.last)), true
}

// renew makes the next announcement. A donor with a new name claims it with a number above the highest
// claim of the others.
func (a *announcer) renew(now time.Time, highest uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = now
	if a.wanted == nil {
		a.made, a.meta = nil, nil
		return nil
	}
	next := announced{Announcement: *a.wanted, claim: nextClaim(highest), seq: 1}
	if a.made != nil {
		next.seq = a.made.seq + 1
		if a.made.Name == next.Name {
			next.claim = a.made.claim
		}
	} else {
		a.first = now
	}
	next.up = now.Sub(a.first).Truncate(time.Second)
	meta, err := next.encode()
	if err != nil {
		return err
	}
	a.made, a.meta = &next, meta
	return nil
}

// local returns the last announcement, or nil if there is none.
func (a *announcer) local() *announced {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.made
}

// encoded is the metadata of this member.
func (a *announcer) encoded() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]byte(nil), a.meta...)
}

// metadata is the part of memberlist.Delegate that this package uses.
type metadata struct{ *announcer }

// NodeMeta is part of memberlist.Delegate.
func (m metadata) NodeMeta(int) []byte { return m.encoded() }

// NotifyMsg is part of memberlist.Delegate.
func (metadata) NotifyMsg([]byte) {}

// GetBroadcasts is part of memberlist.Delegate.
func (metadata) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState is part of memberlist.Delegate.
func (metadata) LocalState(bool) []byte { return nil }

// MergeRemoteState is part of memberlist.Delegate.
func (metadata) MergeRemoteState([]byte, bool) {}
