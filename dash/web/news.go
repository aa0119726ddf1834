package web

import "sync"

// news wakes the goroutines that wait for a change.
type news struct {
	mu      sync.Mutex // guards readers
	readers map[chan struct{}]struct{}
}

// subscribe returns a channel that has a value if something has changed since the last
// value was taken. Call stop when you no longer read the channel.
func (n *news) subscribe() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.readers == nil {
		n.readers = map[chan struct{}]struct{}{}
	}
	n.readers[c] = struct{}{}
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.readers, c)
	}
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.readers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
