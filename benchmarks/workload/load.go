package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// phase is one way to load a store for a time.
type phase struct {
	// rate is the rate of arrivals on all connections together, a second. Zero means a closed
	// phase: each connection keeps depth operations under way.
	rate     float64
	depth    int
	duration time.Duration
	// patience is how long to wait for answers after the end. An operation that is answered
	// later counts with the time that it has waited by then.
	patience time.Duration
}

// outcome is what a phase measured.
type outcome struct {
	latency *hdrhistogram.Histogram // nanoseconds, from when an operation was due
	done    int64                   // operations answered
	late    int64                   // operations not answered in time; latency includes them
	misses  int64
	seconds float64 // from the beginning to the last answer
}

// maxLatency is the highest latency that the histogram distinguishes.
const maxLatency = time.Hour

// startDelay is the time in which all connections must connect.
const startDelay = 100 * time.Millisecond

func newOutcome() outcome { return outcome{latency: hdrhistogram.New(1, int64(maxLatency), 3)} }

// run loads the store. If an outcome has late operations, the store must not be used again,
// because nobody knows which of them it has done.
func (s *store) run(ctx context.Context, shares []*share, ph phase) (outcome, error) {
	sum, results := newOutcome(), make(chan outcome, len(shares))
	begin := time.Now().Add(startDelay)
	err := s.each(ctx, shares, func(ctx context.Context, on session) error {
		c := newClient(on, ph, begin)
		err := c.run(ctx)
		results <- c.outcome
		return err
	})
	if err != nil {
		return sum, err
	}
	for range shares {
		sum.add(<-results)
	}
	if sum.misses > 0 && !s.lossy {
		return sum, fmt.Errorf("%d reads: %w: %w", sum.misses, errMiss, ErrWrong)
	}
	return sum, nil
}

func (o *outcome) add(other outcome) {
	o.latency.Merge(other.latency)
	o.done += other.done
	o.late += other.late
	o.misses += other.misses
	o.seconds = max(o.seconds, other.seconds)
}

// record counts an operation that took d.
func (o *outcome) record(d time.Duration) {
	// This cannot fail, because d is within the histogram's bounds.
	_ = o.latency.RecordValue(int64(min(max(d, 1), maxLatency)))
}
