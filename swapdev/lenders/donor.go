package lenders

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// Donor is one donor as the device sees it. Its methods may be called from any goroutine.
type Donor struct {
	id      uint16
	address string

	announced int64 // bytes that it announced last; of the goroutine of Follow

	// The next belong to the donor's goroutine.
	passed string  // why faster transports were passed over, as last logged
	said   string  // why the donor cannot be used, as last logged, without figures
	links  []*link // of the queues
	left   bool    // an earlier server of the device has left slabs there
	heard  heard   // belongs to the session's goroutine

	mu        sync.Mutex // guards what follows; never held across I/O
	state     donorState
	session   *control.Session
	transport string // name, empty unless up
	name      string
	free      int64  // bytes that it can still lend
	total     int64  // bytes that it lends at most; 0: not asked yet
	before    string // the transport of the session before
	err       error

	doubtful   map[int]bool  // slabs that the donor may lend or not: see Lenders.Map
	broken     int           // connections that are to come back, of the queues and of control
	since      time.Time     // when the first of them broke
	suspended  time.Duration // over all times before
	suspension uint64        // how often
}

type donorState string

// States of a donor, as in status.
const (
	StateDown       donorState = "down"
	StateConnecting donorState = "connecting"
	StateUp         donorState = "up"
	StateSuspended  donorState = "suspended" // a connection is broken, and slabs and keys stay
)

// ID is the donor's number in the slab map.
func (d *Donor) ID() uint16 { return d.id }

// Address is the donor's control address.
func (d *Donor) Address() string { return d.address }

// Title is the donor's name, or its address while the name is unknown.
func (d *Donor) Title() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cmp.Or(d.name, d.address)
}

// Up is the donor's session, while the donor can be asked.
func (d *Donor) Up() (*control.Session, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session, d.state == StateUp
}

// Session is the donor's session while its slabs are there: it is up or suspended. Calls fail
// while the session's connection is broken.
func (d *Donor) Session() (*control.Session, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session, d.session != nil && d.holds()
}

// holds reports whether the donor has the slabs that it was lent for. mu is held.
func (d *Donor) holds() bool { return d.state == StateUp || d.state == StateSuspended }

// Transport is the name of the transport of the donor's pages, empty unless it is up or
// suspended.
func (d *Donor) Transport() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.transport
}

// Has records what the donor says that it can still lend, and lends at most, in bytes.
func (d *Donor) Has(free, total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free, d.total = free, total
}

// While calls f if the donor is up or suspended in session s. It is not lost until f
// returns, so f must not wait. bytes is what f takes of the donor's free memory.
func (d *Donor) While(s *control.Session, bytes int64, f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.holds() || d.session != s {
		return fmt.Errorf("donor %s was lost: %w", d.address, ErrNoDonor)
	}
	d.free = max(0, d.free-bytes)
	return f()
}

// Report is the donor for status, but for what queues and placement know.
func (d *Donor) Report() status.Donor {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := status.Donor{
		Name: cmp.Or(d.name, d.address), Address: d.address, State: string(d.state), Transport: d.transport,
		Free: d.free, Total: d.total, Suspended: int64(d.suspended), Suspensions: d.suspension,
	}
	if d.broken > 0 {
		r.Suspended += int64(time.Since(d.since))
	}
	if d.err != nil {
		r.Error = d.err.Error()
	}
	return r
}

// set changes the state. err is why the donor is down.
func (d *Donor) set(state donorState, s *control.Session, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.endSuspension()
	d.state, d.session, d.transport, d.err = state, s, "", err
}

// await has the donor be suspended before it has a session: it has slabs of the device. err is why there
// is none yet.
func (d *Donor) await(err error) {
	d.set(StateSuspended, nil, err)
}

// setUp makes the donor usable over a transport, and reports whether that is another one
// than before.
func (d *Donor) setUp(s *control.Session, transport string) (otherTransport bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.before
	d.state, d.session, d.transport, d.before, d.err = StateUp, s, transport, transport, nil
	return before != transport
}

// named is what the donor calls itself, empty while that is unknown.
func (d *Donor) named() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.name
}

func (d *Donor) setName(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name = name
}
