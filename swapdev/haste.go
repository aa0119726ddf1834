package swapdev

import (
	"context"
	"time"
)

// underWay is the order that is being carried out. Mover.mu guards it, but for the
// channel.
type underWay struct {
	order
	doing   bool
	hurried chan struct{} // closed once the order is urgent
}

// hurry makes the order urgent, once.
func (u *underWay) hurry() {
	u.urgent, u.given = true, time.Now()
	close(u.hurried)
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

// untilOverdue is a context for copying a slab. It ends with errHurried when the order
// under way, urgent from the start or made so meanwhile, has had its time; but never for
// a slab that the backing file does not have.
func (m *mover) untilOverdue(ctx context.Context, slab int) (context.Context, context.CancelFunc) {
	copying, cancel := context.WithCancelCause(ctx)
	m.mu.Lock()
	hurried := m.now.hurried
	m.mu.Unlock()
	go func() {
		select {
		case <-copying.Done():
			return
		case <-hurried:
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
