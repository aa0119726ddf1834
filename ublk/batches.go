package ublk

import "sync/atomic"

// batches counts the requests of a queue, and the passes of its loop that took any: how many requests one wake of
// the queue's thread serves.
type batches struct {
	requests, passes uint64 // of the queue's thread
	ended            uint64 // requests at the end of the last pass

	told struct { // to any goroutine, about every tellEvery requests
		requests, passes atomic.Uint64
	}
}

// tellEvery is the number of requests after which a queue tells its counts: a store that others see is dear.
const tellEvery = 64

// take counts a request.
func (b *batches) take() { b.requests++ }

// pass ends a pass of the loop.
func (b *batches) pass() {
	if b.requests == b.ended {
		return
	}
	b.passes++
	if b.requests/tellEvery != b.ended/tellEvery {
		b.told.requests.Store(b.requests)
		b.told.passes.Store(b.passes)
	}
	b.ended = b.requests
}

// Batches returns how many requests the queues have taken since they were opened, and in how many passes of their
// loops. What a queue has taken last, some 64 requests, may be missing. Any goroutine may call it.
func (d *Device) Batches() (requests, passes uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range d.queues {
		requests += q.batches.told.requests.Load()
		passes += q.batches.told.passes.Load()
	}
	return requests, passes
}
