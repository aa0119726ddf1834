package netlimit

import "time"

// lobby has the connections that wait for their turn: a descriptor each, and nothing read from it. Two
// things are bounded: how many wait, as in a Door, and how many are let in a second. Origins take turns.
// Origins that the door knows take their turns before all others, and have a pace of their own. Of one
// origin, the newest goes first: who has waited long has often gone.
//
// It belongs to the goroutine that accepts.
type lobby struct {
	limits  Limits
	known   func(Origin) bool
	queues  map[Origin]*queue
	turns   [classes][]*queue // that have somebody, in the order of their turns
	paces   [classes]pace
	waiting int
}

// Classes of origins, the one with precedence first.
const (
	ofKnown = iota
	ofOthers
	classes
)

// queue has the connections of one origin that wait, oldest first. It has at least one.
type queue struct {
	origin   Origin
	class    int
	arrivals []arrival
}

// arrival is a connection that waits.
type arrival struct {
	socket
	origin Origin
	number uint64 // rising with time
}

func newLobby(l Limits, known func(Origin) bool) *lobby {
	b := &lobby{limits: l, known: known, queues: make(map[Origin]*queue)}
	for i := range b.paces {
		b.paces[i] = pace{perSecond: float64(l.PerSecond), most: float64(l.AtOnce), left: float64(l.AtOnce)}
	}
	return b
}

// add lets a connection wait. number rises with time. If there is a victim, it waits no more, and is the caller's to reset.
func (b *lobby) add(s socket, from Origin, number uint64) (victim arrival, full bool) {
	q := b.queues[from]
	switch {
	case q != nil && len(q.arrivals) >= b.limits.PerOrigin:
		victim, full = b.takeOldest(q), true
	case b.waiting >= b.limits.Unproven:
		victim, full = b.takeOldest(b.longest()), true
	}
	if q = b.queues[from]; q == nil {
		q = &queue{origin: from, class: ofOthers}
		if b.known(from) {
			q.class = ofKnown
		}
		b.queues[from] = q
		b.turns[q.class] = append(b.turns[q.class], q)
	}
	b.waiting++
	q.arrivals = append(q.arrivals, arrival{s, from, number})
	return victim, full
}

// longest returns the queue with most connections. Of those with equally many it is the one with the oldest.
//
// Precondition: somebody waits.
func (b *lobby) longest() (found *queue) {
	for _, q := range b.queues {
		if found == nil || len(q.arrivals) > len(found.arrivals) ||
			len(q.arrivals) == len(found.arrivals) && q.arrivals[0].number < found.arrivals[0].number {
			found = q
		}
	}
	return found
}

func (b *lobby) takeOldest(q *queue) arrival {
	first := q.arrivals[0]
	copy(q.arrivals, q.arrivals[1:])
	q.arrivals = q.arrivals[:len(q.arrivals)-1]
	b.waiting--
	if len(q.arrivals) == 0 {
		b.forget(q)
	}
	return first
}

// next takes out the connection whose turn it is, unless nobody waits or the pace does not allow it.
func (b *lobby) next(now time.Time) (arrival, bool) {
	for class := range b.turns {
		if len(b.turns[class]) == 0 || !b.paces[class].take(now) {
			continue
		}
		q := b.turns[class][0]
		newest := q.arrivals[len(q.arrivals)-1]
		q.arrivals = q.arrivals[:len(q.arrivals)-1]
		b.waiting--
		if len(q.arrivals) == 0 {
			b.forget(q)
		} else {
			b.turns[class] = append(b.turns[class][1:], q)
		}
		return newest, true
	}
	return arrival{}, false
}

// forget removes a queue that has nobody.
func (b *lobby) forget(q *queue) {
	delete(b.queues, q.origin)
	turns := b.turns[q.class]
	for i := range turns {
		if turns[i] == q {
			b.turns[q.class] = append(turns[:i], turns[i+1:]...)
			return
		}
	}
}

// takeAll takes out everybody.
func (b *lobby) takeAll() (all []arrival) {
	for _, q := range b.queues {
		all = append(all, q.arrivals...)
	}
	b.queues, b.turns, b.waiting = make(map[Origin]*queue), [classes][]*queue{}, 0
	return all
}

// pace is a token bucket.
type pace struct {
	perSecond float64 // 0: no bound
	most      float64
	left      float64
	filled    time.Time // when left was last reckoned; zero: never
}

// take takes a token, if there is one.
func (p *pace) take(now time.Time) bool {
	if p.perSecond == 0 {
		return true
	}
	if !p.filled.IsZero() {
		p.left = min(p.most, p.left+now.Sub(p.filled).Seconds()*p.perSecond)
	}
	p.filled = now
	if p.left < 1 {
		return false
	}
	p.left--
	return true
}
