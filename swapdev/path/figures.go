package path

import (
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// Figures are what queues have counted and measured.
type Figures struct {
	Counts  Counts
	Latency Latencies
	Donors  []loghist.Histogram // parts that succeeded, by donor
	Slow    []Slow              // the slowest requests of the last minute, in no order
}

// Sum asks every queue for its figures, one after the other. A queue that does not answer
// before deadline, and those after it, are missing. Any goroutine but a queue's own may
// call it. The queues' threads copy; Sum allocates what they copy to.
func Sum(queues []*Queue, donors int, deadline <-chan time.Time) *Figures {
	sum := &Figures{Donors: make([]loghist.Histogram, donors)}
	for _, q := range queues {
		one, done := &Figures{Donors: make([]loghist.Histogram, donors)}, make(chan struct{})
		one.Slow = make([]Slow, 0, slowSlots*status.MaxSlowest)
		if !q.loop.Post(func() { q.figures(one); close(done) }) {
			continue
		}
		select {
		case <-done:
			sum.add(one)
		case <-deadline:
			return sum
		case <-q.Ended:
			return sum
		}
	}
	return sum
}

// Counts are what the queue has done so far. Only the queue's thread may call it.
func (q *Queue) Counts() Counts { return q.counts }

// figures copies a queue's figures to an empty f, on the queue's thread.
func (q *Queue) figures(f *Figures) {
	f.Counts, f.Latency = q.counts, q.latency
	for i := range min(len(q.links), len(f.Donors)) {
		f.Donors[i] = q.links[i].latency
	}
	f.Slow = q.slowest.since(q.loop.Now()-int64(SlowFor), f.Slow)
}

func (f *Figures) add(o *Figures) {
	f.Counts.Add(&o.Counts)
	f.Latency.Add(&o.Latency)
	for i := range f.Donors {
		f.Donors[i].Add(&o.Donors[i])
	}
	f.Slow = append(f.Slow, o.Slow...)
}

// SumReads adds up the reads at each donor, from the moment at which a read stands in the
// line for its donor until its bytes are there. It is not ok if a queue did not answer
// before deadline. Any goroutine but a queue's own may call it.
func SumReads(queues []*Queue, donors int, deadline <-chan time.Time) (sums []loghist.Histogram, ok bool) {
	sums = make([]loghist.Histogram, donors)
	for _, q := range queues {
		one, done := make([]loghist.Histogram, donors), make(chan struct{})
		if !q.loop.Post(func() { q.reads(one); close(done) }) {
			return nil, false
		}
		select {
		case <-done:
			for i := range sums {
				sums[i].Add(&one[i])
			}
		case <-deadline:
			return nil, false
		case <-q.Ended:
			return nil, false
		}
	}
	return sums, true
}

// reads copies the reads of each link, on the queue's thread.
func (q *Queue) reads(into []loghist.Histogram) {
	for i := range min(len(q.links), len(into)) {
		into[i] = q.links[i].reads
	}
}
