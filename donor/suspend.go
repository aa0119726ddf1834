package donor

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// errResumed ends a connection whose session goes on over another one.
var errResumed = fmt.Errorf("%w: it goes on over another connection", control.ErrSuperseded)

// suspend keeps a session whose connection has ended, and reports whether it does: not if the device
// has ended the session, or has broken the protocol. Keys, slabs and data connections stay. op is
// held.
func (d *Donor) suspend(dev *device, why error) bool {
	ses := dev.session
	ses.heard() // what came before does not count
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ses.grace == 0 || ses.over != nil || d.closed:
		return false
	case errors.Is(why, control.ErrPeerLost), errors.Is(why, errResumed):
	case why == nil && ses.resumed: // the answer to its Hello could not be sent
	default:
		return false
	}
	ses.cut = time.Now()
	ses.timer = time.AfterFunc(ses.grace, func() { d.overdue(dev, ses) })
	d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Uint64("session", uint64(ses.id())).
		Int("slabs", len(dev.slabs)).Dur("grace", ses.grace).AnErr("why", why).Msg("session suspended")
	return true
}

// resume goes on with a suspended session over another connection. Slabs that the donor has asked
// back are asked for again: the device may not have heard. op is held.
func (d *Donor) resume(dev *device, s *control.Session) *control.Welcome {
	ses := dev.session
	s.Alive = ses.heard
	d.mu.Lock()
	ses.timer.Stop()
	ses.control, ses.resumed, ses.left = s, true, make(chan struct{})
	dev.shown = s.Shown()
	suspended := time.Since(ses.cut)
	ses.cut = time.Time{}
	asked := make(map[*recall]bool)
	for _, sl := range dev.slabs {
		if sl.recall != nil {
			asked[sl.recall] = true
		}
	}
	d.mu.Unlock()
	for r := range asked {
		r.askAgain()
	}
	d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Stringer("peer", s.Peer()).
		Uint64("session", uint64(ses.id())).Dur("suspended", suspended).Msg("session resumed")
	w := d.welcome(ses, dev.held())
	w.Resumed = true
	return w
}

// overdue ends a session whose grace time is over. Data that arrives counts as life.
func (d *Donor) overdue(dev *device, ses *session) {
	dev.op.Lock()
	defer dev.op.Unlock()
	if dev.gone || dev.session != ses || ses.cut.IsZero() {
		return
	}
	last := ses.cut
	if heard := ses.heard(); heard.After(last) {
		last = heard
	}
	if left := ses.grace - time.Since(last); left > 0 {
		d.mu.Lock()
		defer d.mu.Unlock()
		ses.timer.Reset(left)
		return
	}
	d.end(dev, fmt.Errorf("%w: it did not come back within %v", control.ErrPeerLost, ses.grace))
}

// condemn ends the connection of a session, and the session with it.
func (d *Donor) condemn(ses *session, why error) {
	d.mu.Lock()
	if ses.over == nil {
		ses.over = why
	}
	connection := ses.control
	d.mu.Unlock()
	connection.Abort(why)
}

// dismiss ends a session for a reason, whether it has a connection or not.
func (d *Donor) dismiss(dev *device, ses *session, why error) {
	d.condemn(ses, why)
	dev.op.Lock()
	defer dev.op.Unlock()
	if !dev.gone && dev.session == ses && !ses.cut.IsZero() {
		d.end(dev, why)
	}
}

// connection is the control connection of a session now, or its last one.
func (d *Donor) connection(ses *session) *control.Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return ses.control
}

// hearer is a server that counts how often operations of a session have come. RDMA's cannot: the
// adapter serves the session alone.
type hearer interface {
	Heard(verbs.SessionID) uint64
}

// hearing finds out when data of a session was last seen, from how often it has come.
type hearing struct {
	mu    sync.Mutex // guards what follows
	count uint64
	at    time.Time
}

func (h *hearing) look(count uint64) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if count != h.count {
		h.count, h.at = count, time.Now()
	}
	return h.at
}

// heard is when the donor has last noticed that data of the session had come, zero: never. It is
// asked whenever the device has been silent for a while.
func (ses *session) heard() time.Time {
	var count uint64
	for _, s := range ses.servers {
		if h, ok := s.Server.(hearer); ok {
			count += h.Heard(ses.id())
		}
	}
	return ses.hearing.look(count)
}
