package swapdev

import (
	"context"
	"errors"
	"time"

	"github.com/farswap/farswap/verbs"
)

// errMakeWay is why a move stops in the middle: another slab's donor is short of memory.
var errMakeWay = errors.New("another slab is wanted back at once")

// underWay is the order that is being carried out. Mover.mu guards it, but for the
// channels.
type underWay struct {
	order
	doing, makesWay bool
	hurried         chan struct{} // closed once the order is urgent
	displaced       chan struct{} // closed once it makes way for an urgent one
}

func begin(o order) underWay {
	u := underWay{order: o, doing: true, hurried: make(chan struct{}), displaced: make(chan struct{})}
	if o.urgent {
		close(u.hurried)
	}
	return u
}

// hurry makes the order urgent, once.
func (u *underWay) hurry() {
	u.urgent, u.given = true, time.Now()
	close(u.hurried)
}

// makeWay has the order wait for an urgent one, unless it is urgent itself.
func (u *underWay) makeWay() {
	if u.doing && !u.urgent && !u.makesWay {
		u.makesWay = true
		close(u.displaced)
	}
}

// means has the order under way be about what the donor lends of the slab now, if it
// has not been about something before. It returns the key of what it is about, and
// whether that is still there as the map has it.
func (m *mover) means(o order) (key verbs.Key, there bool) {
	now := m.engine.keyAt(o.slab, o.donor)
	if o.key == 0 {
		m.mu.Lock()
		m.now.key = now
		m.mu.Unlock()
		o.key = now
	}
	return o.key, o.key == now && now != 0
}

// finished ends the order that is under way, and returns it as urgent as it has become.
func (m *mover) finished() order {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.doing = false
	return m.now.order
}

// overdue reports whether the order under way is urgent and has had its time.
func (m *mover) overdue() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.urgent && time.Since(m.now.given) > urgentBudget
}

// untilOverdue is a context for copying a slab. It ends with errMakeWay when an order that
// is not urgent is to wait, and with errHurried when the order under way, urgent from the
// start or made so meanwhile, has had its time; but never for a slab that the backing file
// does not have.
func (m *mover) untilOverdue(ctx context.Context, slab int) (context.Context, context.CancelFunc) {
	copying, cancel := context.WithCancelCause(ctx)
	m.mu.Lock()
	now := m.now
	m.mu.Unlock()
	go func() {
		select {
		case <-copying.Done():
			return
		case <-now.displaced:
			cancel(errMakeWay)
			return
		case <-now.hurried:
		}
		m.mu.Lock()
		rest := time.Until(m.now.given.Add(urgentBudget))
		m.mu.Unlock()
		select {
		case <-copying.Done():
		case <-time.After(rest):
			if m.engine.droppable(slab) {
				cancel(errHurried)
			}
		}
	}()
	return copying, func() { cancel(nil) }
}
