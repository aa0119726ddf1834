// Package patience judges whether the peer of a queue pair has been silent for too long.
// It counts only time in which the own loop ran: after a pause of the own process, which
// can be longer than any timeout, replies may lie ready that nobody has looked at.
package patience

// Watch is the patience with one peer. It belongs to the queue pair's thread.
type Watch struct {
	timeout int64
	since   int64 // what the silence is counted from
	looked  int64
	waited  int64 // the part of now-since that counts
	late    bool  // found late at the last look
}

// NewWatch makes a watch that bears timeout nanoseconds of silence.
func NewWatch(timeout int64) Watch { return Watch{timeout: timeout} }

// Late looks at the clock, and says whether the peer has been silent for too long. since is
// when it last did something, or got its oldest operation if that was later. From one look
// to the next a quarter of the timeout counts at most. The first look that finds the peer
// late says no: the caller makes a pass, which takes up what is ready, and looks again.
func (w *Watch) Late(now, since int64) bool {
	if since != w.since {
		w.since, w.waited, w.late = since, 0, false
		w.looked = max(w.looked, since)
	}
	w.waited += min(max(now-w.looked, 0), w.timeout/4)
	w.looked = now
	if w.waited <= w.timeout {
		return false
	}
	again := w.late
	w.late = true
	return again
}

// Waited is the silence that the last look counted, in nanoseconds.
func (w *Watch) Waited() int64 { return w.waited }
