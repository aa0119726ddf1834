package mover

import (
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/verbs"
)

// orders are those that wait, and those that are under way: at most one of each donor, and
// one about each slab. Their methods may be called from any goroutine.
type orders struct {
	wake   chan struct{}                          // one slot: there is something to do
	key    func(slab int, donor uint16) verbs.Key // of what the donor lends of the slab now
	losses func(donor uint16) uint64              // how often the donor was lost

	mu      sync.Mutex // guards the fields below
	waiting []order
	under   []*underWay
	tests   []uint16 // donors to read from
}

// giveBack orders slabs to be given back to a donor. A slab that waits already is not
// ordered twice. What waits or is under way becomes urgent if it now is.
func (l *orders) giveBack(donor uint16, slabs []uint32, urgent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, slab := range slabs {
		key, losses := l.key(int(slab), donor), l.losses(donor)
		about := func(o order) bool { return o.losses == losses && o.about(int(slab), donor, key) }
		if i := slices.IndexFunc(l.under, func(u *underWay) bool { return about(u.order) }); i >= 0 {
			u := l.under[i]
			u.slow = false
			if urgent && !u.urgent {
				u.hurry()
			}
			continue
		}
		i := slices.IndexFunc(l.waiting, about)
		if i < 0 {
			l.waiting = append(l.waiting, order{slab: int(slab), donor: donor, losses: losses, urgent: urgent, given: time.Now()})
			continue
		}
		l.waiting[i].slow = false
		if urgent && !l.waiting[i].urgent {
			l.waiting[i].urgent, l.waiting[i].given, l.waiting[i].after = true, time.Now(), time.Time{}
		}
	}
	l.rouse()
}

// leave orders a slab to leave a slow donor, unless an order about it waits.
func (l *orders) leave(slab int, donor uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.ContainsFunc(l.waiting, func(o order) bool { return o.slab == slab && o.donor == donor }) {
		l.waiting = append(l.waiting, order{slab: slab, donor: donor, losses: l.losses(donor), slow: true, given: time.Now()})
	}
	l.rouse()
}

// resume orders a move to go on that has begun.
func (l *orders) resume(slab int, old uint16, key verbs.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, order{slab: slab, donor: old, losses: l.losses(old), key: key, begun: true, given: time.Now()})
	l.rouse()
}

// handBack orders one grant of memory to be given back, which key names.
func (l *orders) handBack(slab int, donor uint16, key verbs.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, order{slab: slab, donor: donor, losses: l.losses(donor), key: key, given: time.Now()})
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
	for _, u := range l.under {
		if u.slow {
			n++
		}
	}
	return n
}

// pending is how many orders wait or are under way.
func (l *orders) pending() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) + len(l.under)
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

// rouse wakes the mover.
func (l *orders) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// next takes the first urgent order that can begin, else the first that can. It is under
// way from then on. It returns nil if none can begin, and how long it is until one can that
// waits for its time, 0 if none does. Calm orders make way for an urgent one that cannot
// begin because of them.
func (l *orders) next(now time.Time) (u *underWay, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := -1
	for i, o := range l.waiting {
		if left := o.after.Sub(now); left > 0 {
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		switch blocking := l.blocking(o); {
		case len(blocking) == 0:
			if first < 0 || o.urgent && !l.waiting[first].urgent {
				first = i
			}
		case o.urgent && !slices.ContainsFunc(blocking, func(u *underWay) bool { return u.urgent }):
			for _, u := range blocking {
				u.makeWay()
			}
		}
	}
	if first < 0 {
		return nil, wait
	}
	u = begin(l.waiting[first])
	l.waiting = slices.Delete(l.waiting, first, first+1)
	l.under = append(l.under, u)
	return u, 0
}

// blocking are the orders under way that have to end before o begins: one of the same donor,
// and one about the same slab, which only one may move.
func (l *orders) blocking(o order) (some []*underWay) {
	for _, u := range l.under {
		if u.donor == o.donor || u.slab == o.slab {
			some = append(some, u)
		}
	}
	return some
}

// finished ends an order that was under way. again makes of it the order that goes in line
// again, if one does. It returns what again has made.
func (l *orders) finished(u *underWay, again func(o order) (order, bool)) order {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under = slices.DeleteFunc(l.under, func(other *underWay) bool { return other == u })
	o, ok := again(u.order)
	if ok {
		l.waiting = append(l.waiting, o)
	}
	l.rouse()
	return o
}

// means ties an order under way to what the donor lends of the slab now, unless it was tied
// before. It returns the key of what the order is about, and whether the map still has that.
func (l *orders) means(u *underWay) (key verbs.Key, there bool) {
	now := l.key(u.slab, u.donor)
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.key == 0 {
		u.key = now
	}
	return u.key, u.key == now && now != 0
}

// now is an order under way as it is now.
func (l *orders) now(u *underWay) order {
	l.mu.Lock()
	defer l.mu.Unlock()
	return u.order
}

// overdue reports whether an order under way is urgent and has used up its time.
func (l *orders) overdue(u *underWay) bool {
	o := l.now(u)
	return o.urgent && time.Since(o.given) > UrgentBudget
}

// ifSlow calls keep if an order under way is still about a slow donor, and returns what
// keep says. The donor cannot ask for its memory until keep returns.
func (l *orders) ifSlow(u *underWay, keep func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return u.slow && keep()
}
