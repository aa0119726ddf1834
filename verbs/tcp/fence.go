package tcp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

// maxPlaces bounds the places of a session: the server remembers each for as long as the
// session lives.
const maxPlaces = 4096

// place is what a session knows of one of its places. Server.mu guards it.
type place struct {
	generation uint64    // the highest that was claimed
	tenures    []*tenure // of connections that are not gone; all but the last are ending
}

// tenure is the time that one connection has a place: from its claim until none of its
// operations can touch memory any more.
type tenure struct {
	place      uint32
	generation uint64
	over       chan struct{} // closed when a later connection has claimed the place
	gone       chan struct{} // closed when the tenure has ended
	worker     *worker       // who gets the connection; nil during the handshake. Server.mu guards it
	endpoint   *endpoint     // nil before and after; belongs to the worker's thread
}

// ending says whether a later connection has claimed the place. Without a place there is
// none.
func (t *tenure) ending() bool {
	if t == nil {
		return false
	}
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// fence gives a connection the place that it claims, nil if it claims none. When it
// returns, every earlier connection of the place has ended and is gone. It waits for that
// for half of a handshake's time: those connections are shut down, so that the kernel has
// nothing to wait for.
func (s *Server) fence(ctx context.Context, ses *session, c handshake.Claim) (*tenure, error) {
	if c.Place == 0 {
		return nil, nil
	}
	t, earlier, err := s.enter(ses, c)
	if err != nil {
		return nil, fmt.Errorf("session %d: place %d: %w", c.Session, c.Place, err)
	}
	bound := s.cfg.HandshakeTimeout / 2
	timer := time.NewTimer(bound)
	defer timer.Stop()
	for _, e := range earlier {
		select {
		case <-e.gone:
		case <-t.over:
			err = verbs.ErrFenced
		case <-ctx.Done():
			err = verbs.ErrClosed
		case <-timer.C:
			err = fmt.Errorf("generation %d has not ended within %v: %w", e.generation, bound, verbs.ErrBusy)
		}
		if err != nil {
			s.leave(ses, t)
			return nil, fmt.Errorf("session %d: generation %d at place %d: %w", c.Session, c.Generation, c.Place, err)
		}
	}
	return t, nil
}

// fenceVerdict is what a device hears of an error of fence.
func fenceVerdict(err error) handshake.Verdict {
	switch {
	case errors.Is(err, verbs.ErrFenced):
		return handshake.Fenced
	case errors.Is(err, verbs.ErrBusy):
		return handshake.Held
	}
	return handshake.Refused
}

// enter begins a tenure, and the end of those that are not gone yet, which it returns.
func (s *Server) enter(ses *session, c handshake.Claim) (t *tenure, earlier []*tenure, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := ses.places[c.Place]
	switch {
	case p == nil && len(ses.places) >= maxPlaces:
		return nil, nil, fmt.Errorf("the session has %d places already: %w", maxPlaces, verbs.ErrRefused)
	case p == nil:
		p = new(place)
		ses.places[c.Place] = p
	case c.Generation <= p.generation:
		return nil, nil, fmt.Errorf("generation %d, want one above %d: %w", c.Generation, p.generation, verbs.ErrFenced)
	}
	p.generation = c.Generation
	earlier = slices.Clone(p.tenures)
	for _, e := range earlier {
		if e.ending() {
			continue
		}
		close(e.over)
		// A connection whose handshake is under way looks by itself.
		if w := e.worker; w != nil {
			w.loop.Post(func() { w.evict(e) })
		}
	}
	t = &tenure{place: c.Place, generation: c.Generation, over: make(chan struct{}), gone: make(chan struct{})}
	p.tenures = append(p.tenures, t)
	return t, earlier, nil
}

// give tells who is to be asked for the end of the connection.
func (s *Server) give(t *tenure, w *worker) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.worker = w
}

// leave ends a tenure: nothing of its connection can touch memory any more.
func (s *Server) leave(ses *session, t *tenure) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := ses.places[t.place]
	p.tenures = slices.DeleteFunc(p.tenures, func(other *tenure) bool { return other == t })
	close(t.gone)
}
