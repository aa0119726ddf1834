package mover

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/verbs"
)

const (
	// orderPause is before an order that could not be carried out is tried again, and
	// orderTries how often it is.
	orderPause = 500 * time.Millisecond
	orderTries = 120
	// UrgentBudget is how long after an urgent order a move may take. Then the backing
	// file serves the slab: a donor in need waits for three seconds.
	UrgentBudget = 2 * time.Second
)

// Reasons why a move stops in the middle, or does not begin.
var (
	errMakeWay   = errors.New("another slab is wanted back at once")
	errMovedBack = errors.New("the donor that it was moving to is lost, and it is where it was")
	// A copy of a forged page would be taken for the next donor's work.
	errForged  = errors.New("its donor has given a forged page, and nothing is copied from there")
	errHurried = errors.New("its donor is short of memory, and to move it takes too long")
)

// order is a slab that a donor wants back, or that is to leave a slow one.
type order struct {
	slab   int
	donor  uint16
	losses uint64           // of the donor, when the order was given
	key    verbs.Key        // of the memory that it is about; 0 until it is carried out
	slow   bool             // the donor is slow, and does not want the slab back
	begun  bool             // the slab has left in part: it cannot stay
	by     placement.Choice // of the donor that it goes to, once begun
	urgent bool
	given  time.Time // when it became as urgent as it is
	tries  int       // so far
	after  time.Time // it is not tried before
}

// about reports whether an order is about what a donor lends under a key, and not about
// what it lent before.
func (o order) about(slab int, donor uint16, key verbs.Key) bool {
	return o.slab == slab && o.donor == donor && (o.key == 0 || o.key == key)
}

// underWay is an order that is being carried out.
type underWay struct {
	order                   // the mutex of orders guards it, but for slab and donor
	makesWay  bool          // the same
	pressing  atomic.Bool   // the order is urgent
	hurried   chan struct{} // closed once the order is urgent
	displaced chan struct{} // closed once it makes way for an urgent one
}

func begin(o order) *underWay {
	u := &underWay{order: o, hurried: make(chan struct{}), displaced: make(chan struct{})}
	if o.urgent {
		u.pressing.Store(true)
		close(u.hurried)
	}
	return u
}

// hurry makes the order urgent, once.
func (u *underWay) hurry() {
	u.urgent, u.given = true, time.Now()
	u.pressing.Store(true)
	close(u.hurried)
}

// makeWay stops the order for an urgent one, unless it is urgent itself.
func (u *underWay) makeWay() {
	if !u.urgent && !u.makesWay {
		u.makesWay = true
		close(u.displaced)
	}
}
