package path

import "github.com/farswap/farswap/verbs"

// Index is the queue's number. Any goroutine may call it.
func (q *Queue) Index() int { return q.kernel.Index() }

// Arena is the memory of all buffers of the queue, which transports register. Any
// goroutine may call it until the queue closes.
func (q *Queue) Arena() []byte { return q.kernel.Arena() }

// AddLink makes room for one more donor, of at most MaxDonors. It returns when the queue has
// it, or has ended. Any goroutine but the queue's own may call it; one at a time. Nothing is
// allocated on the queue's thread.
func (q *Queue) AddLink() {
	count, done := make(chan int, 1), make(chan struct{})
	if !q.loop.Post(func() { count <- len(q.links) }) {
		return
	}
	select {
	case n := <-count:
		l := newLink(&q.queue, n)
		if q.loop.Post(func() { q.addLink(l); close(done) }) {
			q.await(done)
		}
	case <-q.Ended:
	}
}

// Attach gives the queue a connection to a donor. It takes the place of an earlier one,
// and ends what the failure of that one began: see Barrier. So the donor must have fenced
// the earlier one. When the connection fails, lost gets the reason; it needs a free slot.
// The error is verbs.ErrClosed if the queue ends, or if Drop is called meanwhile. Any
// goroutine but the queue's own may call it.
func (q *Queue) Attach(donor uint16, conn verbs.Conn, lost chan<- error) error {
	result := make(chan error, 1)
	if !q.loop.Post(func() { q.attach(donor, attachment{conn, lost, result}) }) {
		return verbs.ErrClosed
	}
	select {
	case err := <-result:
		return err
	case <-q.Ended:
		return verbs.ErrClosed
	}
}

// Heard counts how often data of a donor was taken up. Any goroutine may call it.
func (q *Queue) Heard(donor uint16) uint64 { return q.heard[donor].Load() }

// Drop ends the queue's connection to a donor that is lost, and returns when nothing of it
// is left. The donor's slabs have failed before. Any goroutine but the queue's own may call
// it.
func (q *Queue) Drop(donor uint16) {
	gone := make(chan struct{})
	if q.loop.Post(func() { q.links[donor].drop(gone) }) {
		q.await(gone)
	}
}

// await waits for the queue's thread, or for the end of all queues.
func (q *Queue) await(done <-chan struct{}) {
	select {
	case <-done:
	case <-q.Ended:
	}
}
