package placement

import (
	"time"

	"github.com/farswap/farswap/control"
)

// Rests of a donor that does not take a slab. A write that waits for a slab has the mapper try
// as often as that: a donor that got room by itself is found after the longest at the latest.
const (
	restFirst = 5 * time.Millisecond
	restMost  = 250 * time.Millisecond
)

// rest is how long a donor is not asked after it has refused a slab.
type rest struct {
	session *control.Session // in which it has refused; in another one it is asked at once
	length  time.Duration
	end     time.Time
}

// rests are those of all donors that rest, by id. They belong to one goroutine.
type rests map[uint16]rest

// refused begins a rest, twice as long as the one before. took is how long the refusal took: a
// donor that stalls may have a third of the mapper's time at most.
func (r rests) refused(donor uint16, session *control.Session, now time.Time, took time.Duration) {
	length := restFirst
	if before, ok := r[donor]; ok && before.session == session {
		length = min(2*before.length, restMost)
	}
	length = max(length, 2*took)
	r[donor] = rest{session, length, now.Add(length)}
}

// resting reports whether a donor is not to be asked.
func (r rests) resting(donor uint16, session *control.Session, now time.Time) bool {
	rest, ok := r[donor]
	return ok && rest.session == session && now.Before(rest.end)
}

// end is when the first donor can be asked again: in restFirst at the soonest, in restMost at
// the latest.
func (r rests) end(now time.Time) time.Time {
	end := now.Add(restMost)
	for _, rest := range r {
		if rest.end.After(now) && rest.end.Before(end) {
			end = rest.end
		}
	}
	if soonest := now.Add(restFirst); end.Before(soonest) {
		return soonest
	}
	return end
}
