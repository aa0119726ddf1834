package mover

import (
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/verbs"
)

// orders are those that wait, and the one that is under way. Their methods may be called
// from any goroutine.
type orders struct {
	wake chan struct{}                          // one slot: there is something to do
	key  func(slab int, donor uint16) verbs.Key // of what the donor lends of the slab now

	mu      sync.Mutex // guards the fields below
	waiting []order
	now     underWay
	tests   []uint16 // donors to read from
}

// giveBack orders slabs to be given back to a donor. A slab that waits already is not
// ordered twice. What waits or is under way becomes urgent if it now is.
func (l *orders) giveBack(donor uint16, slabs []uint32, urgent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, slab := range slabs {
		key := l.key(int(slab), donor)
		if o := l.now.order; l.now.doing && o.about(int(slab), donor, key) {
			l.now.order.slow = false
			if urgent && !o.urgent {
				l.now.hurry()
			}
			continue
		}
		i := slices.IndexFunc(l.waiting, func(o order) bool { return o.about(int(slab), donor, key) })
		if i < 0 {
			l.waiting = append(l.waiting, order{slab: int(slab), donor: donor, urgent: urgent, given: time.Now()})
			continue
		}
		l.waiting[i].slow = false
		if urgent && !l.waiting[i].urgent {
			l.waiting[i].urgent, l.waiting[i].given = true, time.Now()
		}
	}
	if slices.ContainsFunc(l.waiting, func(o order) bool { return o.urgent }) {
		l.now.makeWay()
	}
	l.rouse()
}

// leave orders a slab to leave a slow donor, unless an order about it waits.
func (l *orders) leave(slab int, donor uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.ContainsFunc(l.waiting, func(o order) bool { return o.slab == slab && o.donor == donor }) {
		l.waiting = append(l.waiting, order{slab: slab, donor: donor, slow: true, given: time.Now()})
	}
	l.rouse()
}

// leaving is how many slabs are on their way from slow donors, or wait for it.
func (l *orders) leaving() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, o := range l.waiting {
		if o.slow {
			n++
		}
	}
	if l.now.doing && l.now.order.slow {
		n++
	}
	return n
}

// pending is how many orders wait or are under way.
func (l *orders) pending() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.waiting)
	if l.now.doing {
		n++
	}
	return n
}

// test orders a donor to be read from, unless that is ordered already.
func (l *orders) test(donor uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.tests, donor) {
		l.tests = append(l.tests, donor)
	}
	l.rouse()
}

// takeTests takes the donors that need test reads.
func (l *orders) takeTests() []uint16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	donors := l.tests
	l.tests = nil
	return donors
}

// add puts an order in line.
func (l *orders) add(o order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, o)
}

// rouse wakes the mover.
func (l *orders) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// next takes the first urgent order, else the first. The order is under way from then on.
func (l *orders) next() (order, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return order{}, false
	}
	i := max(0, slices.IndexFunc(l.waiting, func(o order) bool { return o.urgent }))
	o := l.waiting[i]
	l.waiting = slices.Delete(l.waiting, i, i+1)
	l.now = begin(o)
	return o, true
}

// finished ends the order that is under way, and returns it as urgent as it has become.
func (l *orders) finished() order {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.doing = false
	return l.now.order
}

// means ties the order under way to what the donor lends of the slab now, unless it was
// tied before. It returns the key of what the order is about, and whether the map still
// has that.
func (l *orders) means(o order) (key verbs.Key, there bool) {
	now := l.key(o.slab, o.donor)
	if o.key == 0 {
		l.mu.Lock()
		l.now.key = now
		l.mu.Unlock()
		o.key = now
	}
	return o.key, o.key == now && now != 0
}

// overdue reports whether the order under way is urgent and has used up its time.
func (l *orders) overdue() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.urgent && time.Since(l.now.given) > UrgentBudget
}

// current returns the order under way as it is now.
func (l *orders) current() underWay {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// ifSlow calls keep if the order under way is still about a slow donor, and returns what
// keep says. The donor cannot ask for its memory until keep returns.
func (l *orders) ifSlow(keep func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.slow && keep()
}
