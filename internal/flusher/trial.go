package flusher

import "time"

// Batches tells how many requests the queues of a device have taken so far, and in how many passes of their loops;
// see ublk.Device.Batches.
type Batches func() (requests, passes uint64)

const (
	// trialLeast is the number of requests that a verdict takes, unless they take longer than trialMost.
	trialLeast = 128
	trialMost  = time.Second

	// trialPause is between two trials that show no batches. Each makes it four times as long, up to the second.
	trialPause, trialPauseMost = 250 * time.Millisecond, 16 * time.Second
)

// trial finds out whether plain priority has requests come in batches. At real-time priority nobody can see that: a
// queue wakes for each request. So threads are plain for a while now and then, and stay so while a pass takes one
// and a half requests or more. A trial costs some of a page's instructions where it shows nothing.
type trial struct {
	requests, passes uint64    // when what is judged began
	seen             uint64    // requests at the last look
	moved            time.Time // when they were others
	since            time.Time
	pause            time.Duration
	plain            bool
}

// look takes what Batches tells now, and says whether threads should be plain.
func (t *trial) look(requests, passes uint64, now time.Time) (plain bool) {
	came, took := requests-t.requests, passes-t.passes
	if requests != t.seen {
		t.seen, t.moved = requests, now
	}
	idle := now.Sub(t.moved) >= trialMost // counts may be some requests late
	if !t.plain {
		if idle { // who comes next may be another
			t.pause = trialPause
		}
		if came >= trialLeast && now.Sub(t.since) >= t.pause {
			t.begin(true, requests, passes, now)
		}
		return t.plain
	}
	if idle { // there is nothing to judge, and who made batches may go on
		t.begin(true, requests, passes, now)
		return true
	}
	if came < trialLeast && now.Sub(t.since) < trialMost {
		return true
	}
	if 2*came >= 3*took {
		t.pause = trialPause
		t.begin(true, requests, passes, now)
		return true
	}
	t.pause = min(4*max(t.pause, trialPause), trialPauseMost)
	t.begin(false, requests, passes, now)
	return false
}

// begin begins what is judged next.
func (t *trial) begin(plain bool, requests, passes uint64, now time.Time) {
	t.plain, t.requests, t.passes, t.since = plain, requests, passes, now
}
