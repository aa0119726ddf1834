package swapdev

import (
	"golang.org/x/sys/unix"

	"farswap/slabmap"
)

// events carries what a queue's thread notices to the goroutines that log and
// decide. Nothing of it waits: when a channel is full, the same was said
// before, and the counts have the rest.
type events struct {
	kick  chan struct{} // a slab is to be mapped before the second is over
	notes chan note
}

// note is for the log.
type note struct {
	corrupt bool
	page    int64
	from    slabmap.Place
	errno   unix.Errno // of the backing file; 0: a short answer
	write   bool
}

func newEvents() *events {
	return &events{kick: make(chan struct{}, 1), notes: make(chan note, 64)}
}

func (e *events) needMapping() {
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

func (e *events) corrupt(page int64, from slabmap.Place) {
	e.note(note{corrupt: true, page: page, from: from})
}

func (e *events) backingFailed(kind partKind, res int32) {
	n := note{write: kind != readBacking}
	if res < 0 {
		n.errno = unix.Errno(-res)
	}
	e.note(n)
}

func (e *events) note(n note) {
	select {
	case e.notes <- n:
	default:
	}
}
