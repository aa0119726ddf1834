package path

import "github.com/farswap/farswap/verbs"

// Index is the queue's number. Any goroutine may call it.
func (q *Queue) Index() int { return q.kernel.Index() }

// Arena is the memory of all buffers of the queue, which transports register. Any
// goroutine may call it until the queue closes.
func (q *Queue) Arena() []byte { return q.kernel.Arena() }

// AddLink makes room for one more donor. It returns when the queue has it, or has ended.
// Any goroutine but the queue's own may call it; one at a time.
func (q *Queue) AddLink() {
	done := make(chan struct{})
	if q.loop.Post(func() { q.addLink(); close(done) }) {
		q.await(done)
	}
}

// Attach gives the queue a connection to a donor. When the connection fails, lost gets
// the reason; it needs a free slot. The error is verbs.ErrClosed if the queue ends. Any
// goroutine but the queue's own may call it.
func (q *Queue) Attach(donor uint16, conn verbs.Conn, lost chan<- error) error {
	result := make(chan error, 1)
	if !q.loop.Post(func() { result <- q.attach(donor, conn, lost) }) {
		return verbs.ErrClosed
	}
	select {
	case err := <-result:
		return err
	case <-q.Ended:
		return verbs.ErrClosed
	}
}

// Drop ends the queue's connection to a donor, and returns when nothing of it is left. Any
// goroutine but the queue's own may call it.
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
