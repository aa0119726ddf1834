//go:build cgo

package rdma

import (
	"slices"
	"time"

	"github.com/farswap/farswap/uring"
)

const (
	// After pollerMisses polls in a row that found nothing, a poller does not poll
	// for pollerRest passes: the peer is slower than the time that may be spent on
	// waiting for it.
	pollerMisses = 8
	pollerRest   = 64
)

// poller looks for completions in each pass of one loop, before the loop sleeps:
// for a while without a system call, then by an event. It belongs to the loop's
// thread.
type poller struct {
	dev    *Device
	loop   *uring.Loop
	call   caller
	spin   time.Duration // the longest of the queue pairs'
	qps    []*queuePair
	active []*queuePair // those that the adapter works for, in one pass
	found  bool         // by the last round
	misses int
	rest   int // passes that do not poll
	hook   func()
	unhook func()
	next   *poller // of the device
}

// maxQueuePairs bounds the queue pairs of a loop: it has so many handlers.
const maxQueuePairs = 255

// newPoller makes a poller for a loop that is not known yet.
func newPoller(d *Device) *poller {
	p := &poller{
		dev: d, call: newCaller(),
		qps: make([]*queuePair, 0, maxQueuePairs), active: make([]*queuePair, 0, maxQueuePairs),
	}
	p.hook = p.beforeEnter
	return p
}

// pollerOf returns the loop's poller, which is the spare one if the loop has none yet. It
// is called on the loop's thread, and allocates nothing.
func (d *Device) pollerOf(loop *uring.Loop, spare *poller) *poller {
	d.looping.Lock()
	defer d.looping.Unlock()
	for p := d.pollers; p != nil; p = p.next {
		if p.loop == loop {
			return p
		}
	}
	spare.loop, spare.next = loop, d.pollers
	spare.unhook = loop.BeforeEnter(spare.hook)
	d.pollers = spare
	return spare
}

func (p *poller) add(q *queuePair, spin time.Duration) {
	p.qps = append(p.qps, q)
	p.spin = max(p.spin, spin)
}

func (p *poller) remove(q *queuePair) {
	p.qps = slices.DeleteFunc(p.qps, func(other *queuePair) bool { return other == q })
	if len(p.qps) > 0 {
		return
	}
	p.unhook()
	p.call.close()
	d := p.dev
	d.looping.Lock()
	defer d.looping.Unlock()
	for at := &d.pollers; *at != nil; at = &(*at).next {
		if *at == p {
			*at = p.next
			return
		}
	}
}

// beforeEnter runs after the hooks that ring doorbells, because they were there
// before the connections.
func (p *poller) beforeEnter() {
	p.active = p.active[:0]
	for _, q := range p.qps {
		if q.busy() {
			p.active = append(p.active, q)
		}
	}
	found := p.found
	p.found = false
	switch {
	case len(p.active) == 0:
	case found && !p.single():
		p.loop.Awake() // while the system call lasts more completes, and shares the next doorbell
	case p.reapAll(0):
		p.again()
	case p.spin == 0:
		p.sleep()
	case p.rest > 0:
		p.rest--
		p.sleep()
	case p.loop.Prepared():
		p.loop.Awake() // the kernel gets it first, and the next pass polls on
	case p.spinAll():
		p.misses = 0
		p.again()
	default:
		if p.misses++; p.misses >= pollerMisses {
			p.misses, p.rest = pollerMisses-1, pollerRest
		}
		p.sleep()
	}
}

// again makes the hooks run once more, for the completions that were found.
func (p *poller) again() {
	p.found = true
	p.loop.Again()
}

// single says whether the adapters have just one operation.
func (p *poller) single() bool { return len(p.active) == 1 && p.active[0].rung-p.active[0].done == 1 }

// spinAll polls all that are active. One alone is polled inside of C.
func (p *poller) spinAll() bool {
	if len(p.active) == 1 {
		return p.reapAll(p.spin)
	}
	for begun := time.Now(); time.Since(begun) < p.spin; {
		if p.reapAll(0) {
			return true
		}
	}
	return false
}

func (p *poller) reapAll(spin time.Duration) bool {
	found := false
	for _, q := range p.active {
		done, state := q.done, q.state
		found = q.reap(spin) || found
		q.tell(done, state)
	}
	return found
}

// sleep asks each adapter for an event at its next completion. A completion that
// came before the adapter was asked makes none.
func (p *poller) sleep() {
	for _, q := range p.active {
		q.arm()
	}
	if p.reapAll(0) {
		p.loop.Awake()
	}
}
