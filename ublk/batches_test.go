package ublk

import "testing"

// TestBatches counts requests that come alone and requests that come in threes.
func TestBatches(t *testing.T) {
	d := &Device{queues: []*Queue{{}, {}}}
	for range 2 * tellEvery {
		for i, q := range d.queues {
			for range 1 + 2*i {
				q.batches.take()
			}
			q.batches.pass()
			q.batches.pass() // without a request
		}
	}
	d.queues[0].batches.take() // told later
	d.queues[0].batches.pass()
	if requests, passes := d.Batches(); requests != 8*tellEvery || passes != 4*tellEvery {
		t.Errorf("%d requests in %d passes", requests, passes)
	}
}
