package path

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/verbs"
)

const (
	// lateMost bounds how late a part is before the backing file is asked, however slow
	// its donor has been.
	lateMost = int64(100 * time.Millisecond)
	// leastReads is how many reads of a donor its p99 needs to mean something.
	leastReads = 100
	// hardlyAny completions within the timeout of one operation are as good as none, when
	// an operation has waited for longer than that. A donor that does 4 in 2 s, of 128 KiB
	// at most, does 256 KiB/s: a disk does a hundred times as much.
	hardlyAny = 4
	// heldShare of the timeout is how long a donor may get nothing done while it holds up
	// requests that could go on without it. By default that is 0.5 s, five times as long as
	// any donor takes to be late, and longer than most pauses of a machine.
	heldShare = 4
	// pauseLeast is the least time between two looks of which nothing is known: the link was
	// idle, or this process was stopped.
	pauseLeast = int64(4 * tickInterval)
)

// pace is how fast a donor answers one link.
type pace struct {
	lateLeast, timeout int64 // ns
	crowd              int   // parts from which a donor keeps too many of the queue's tags

	lateAfter int64 // ns; see late

	completed uint64 // parts, so far
	before    uint64 // completed when the present span began
	since     int64  // loop time at which it began, later by the pauses in it; it is as long as timeout
	looked    int64  // loop time of the last judge

	held  bool  // since the last completion, a request could not go on without the donor
	heldT int64 // ns for which that has been so, without pauses of this process
}

func newPace(c *Config, depth int) pace {
	p := pace{lateLeast: int64(c.Late), timeout: int64(c.OpTimeout), crowd: max(1, depth/2)}
	p.lateAfter = max(p.lateLeast, lateMost)
	return p
}

// complete counts a part that has completed.
func (p *pace) complete() {
	p.completed++
	p.held, p.heldT = false, 0
}

// holdsUp notes that a request waits for the donor which the backing file could serve: no
// buffer is free for it, or it writes a page that is on its way to the donor.
func (p *pace) holdsUp() { p.held = true }

// late reports whether a donor is late whose oldest part is of that age: by twice its own
// p99. A donor that has half of the queue's tags or more is late after half of that time.
func (p *pace) late(age int64, parts int) bool {
	return age > p.lateAfter || parts >= p.crowd && age > p.lateAfter/2
}

// judge is called every tickInterval while parts are in flight; the oldest began at a loop
// time. It learns from the donor's reads when to call it late. The error says that the
// donor gets hardly anything done, or nothing while it holds others up: its connection is
// worth nothing, though a part completes now and then.
func (p *pace) judge(now, oldest int64, reads *loghist.Histogram) error {
	if reads.Count() >= leastReads {
		p.lateAfter = max(p.lateLeast, min(2*reads.Quantile(0.99), lateMost))
	}
	gap := now - p.looked
	p.looked = now
	if p.held {
		p.heldT += min(gap, int64(tickInterval))
	}
	if limit := p.timeout / heldShare; p.heldT > limit {
		p.held, p.heldT = false, 0
		return fmt.Errorf("no operation done in %v, and other requests are held up: %w", time.Duration(limit), verbs.ErrTimeout)
	}
	switch {
	case gap > p.timeout:
		p.begin(now)
	case gap > pauseLeast: // a busy machine has many of these, and still judges its donors
		p.since += gap
	}
	if now-p.since <= p.timeout {
		return nil
	}
	done := p.begin(now)
	if done >= hardlyAny || now-oldest <= p.timeout {
		return nil
	}
	return fmt.Errorf("%d operations done in %v: %w", done, time.Duration(p.timeout), verbs.ErrTimeout)
}

// begin begins a span, and returns how many parts completed in the one before.
func (p *pace) begin(now int64) (done uint64) {
	done = p.completed - p.before
	p.before, p.since = p.completed, now
	return done
}
