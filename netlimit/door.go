package netlimit

import (
	"container/list"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrEvicted means that the door has closed an unproven connection to make room for another.
var ErrEvicted = errors.New("closed to make room for others: it had not shown who it is")

// ErrFull means that no place is left for one more proven connection.
var ErrFull = errors.New("too many connections")

// Limits are the bounds of a Door.
type Limits struct {
	Unproven  int // unproven connections of all origins; at least 1
	PerOrigin int // unproven connections of one origin; 0 stands for Unproven

	// Bounds of the proven connections. 0: no bound, because the server has its own.
	Proven          int // of all origins
	ProvenPerOrigin int // of one origin

	// PerSecond is how many connections a Listener lets in each second, and AtOnce how many at once after a
	// rest. Those of known origins are counted apart: an origin is known for an hour after a connection of it
	// was proven. More wait, unread, four
	// times as many as may be unproven. 0: no bound. With a bound AtOnce is at least 1, and best no more than
	// PerOrigin: the handshakes of one host that comes with many would displace each other.
	PerSecond, AtOnce int
}

// Of origins that have proven themselves, a door knows maxKnown, each for knownFor.
const (
	maxKnown = 1024
	knownFor = time.Hour
)

// Stats are a Door's figures at one moment. Evicted only grows.
type Stats struct {
	Unproven, Proven int
	Evicted          uint64
}

// Door counts the connections of one server. Its methods may be called from any goroutine.
type Door struct {
	limits Limits
	last   atomic.Uint64 // number of the newest connection

	mu      sync.Mutex // guards the fields below and the state of every Conn; never held across I/O
	origins map[Origin]*guests
	stats   Stats
	known   map[Origin]time.Time // when a connection was last proven
}

// guests are the connections of one origin.
type guests struct {
	unproven list.List // of *Conn, oldest first
	proven   int
}

// NewDoor makes a door.
func NewDoor(l Limits) *Door {
	if l.PerOrigin == 0 {
		l.PerOrigin = l.Unproven
	}
	return &Door{limits: l, origins: make(map[Origin]*guests), known: make(map[Origin]time.Time)}
}

// knows says whether an origin has proven itself lately.
func (d *Door) knows(o Origin) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, ok := d.known[o]
	return ok && time.Since(last) < knownFor
}

// remember makes an origin known. It forgets any other when there are too many. mu is held.
func (d *Door) remember(o Origin) {
	if _, is := d.known[o]; !is && len(d.known) >= maxKnown {
		for other := range d.known {
			delete(d.known, other)
			break
		}
	}
	d.known[o] = time.Now()
}

// refused counts a connection that was reset before it was let in.
func (d *Door) refused() {
	d.mu.Lock()
	d.stats.Evicted++
	d.mu.Unlock()
}

// Admit lets a connection in, as an unproven one. It may evict another. The result owns tcp.
func (d *Door) Admit(tcp *net.TCPConn) *Conn { return d.admit(tcp, d.last.Add(1)) }

// admit is Admit for a connection that came as the one with a number. If all that have its place came after
// it, it is the one that is evicted.
func (d *Door) admit(tcp *net.TCPConn, number uint64) *Conn {
	c := &Conn{TCPConn: tcp, door: d, origin: Origin{}}
	if a, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		c.origin = originOf(a.AddrPort().Addr())
	}
	d.mu.Lock()
	victim := d.await(c, number)
	d.mu.Unlock()
	if victim != nil {
		victim.reset()
	}
	return c
}

// Stats returns the figures.
func (d *Door) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// await adds a connection to the unproven ones, and takes out the one that has to make room, if one has:
// that may be itself. mu is held.
func (d *Door) await(c *Conn, number uint64) (victim *Conn) {
	from := d.origins[c.origin]
	if from == nil {
		from = new(guests)
		d.origins[c.origin] = from
	}
	c.number = number
	before := from.unproven.Back()
	for before != nil && before.Value.(*Conn).number > number {
		before = before.Prev()
	}
	if before == nil {
		c.place = from.unproven.PushFront(c)
	} else {
		c.place = from.unproven.InsertAfter(c, before)
	}
	d.stats.Unproven++
	if from.unproven.Len() > d.limits.PerOrigin {
		victim = oldest(from)
	} else if d.stats.Unproven > d.limits.Unproven {
		victim = d.crowd()
	}
	if victim != nil {
		d.take(victim)
		victim.evicted.Store(true)
		d.stats.Evicted++
	}
	return victim
}

// crowd returns the oldest unproven connection of the origin that has most of them. Of origins with
// equally many it is the oldest. mu is held.
func (d *Door) crowd() *Conn {
	var victim *Conn
	most := 0
	for _, g := range d.origins {
		switch n := g.unproven.Len(); {
		case n == 0 || n < most:
		case n > most || oldest(g).number < victim.number:
			victim, most = oldest(g), n
		}
	}
	return victim
}

// oldest returns the oldest unproven connection of an origin that has one.
func oldest(g *guests) *Conn { return g.unproven.Front().Value.(*Conn) }

// take takes a connection out of the counts. mu is held.
func (d *Door) take(c *Conn) {
	from := d.origins[c.origin]
	switch {
	case c.place != nil:
		from.unproven.Remove(c.place)
		c.place = nil
		d.stats.Unproven--
	case c.proven:
		c.proven = false
		from.proven--
		d.stats.Proven--
	default:
		return
	}
	if from.unproven.Len() == 0 && from.proven == 0 {
		delete(d.origins, c.origin)
	}
}
