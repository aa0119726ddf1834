package control

import (
	"context"
	"fmt"
	"time"
)

// Grace is how long the donor keeps a suspended session, 0 if it keeps none. It is a device's.
func (s *Session) Grace() time.Duration { return GraceOf(s.welcome.Grace) }

// Aging reports whether it is time to connect the session again because of a certificate: this side has
// another one since it connected, or the donor's ends soon and may have been renewed. It is a device's.
func (s *Session) Aging(now time.Time) bool {
	l := s.current()
	return l.shown != nil && (l.shown.outdated() || now.After(l.aging))
}

// settle notes when to look for a renewed certificate of the donor.
func (l *line) settle() {
	if l.shown != nil {
		l.aging = l.shown.aging()
	}
}

// Resume connects a device's session again, with the certificates of now. Keys and data connections are
// what they were. The connection that there is, if any, stays until the donor has accepted the new
// one's certificate, and it stays if the donor does not. Resume takes until the context's
// deadline, or Timing.Handshake if that has none: a donor that is slow may need longer than one that is
// well. See Lapsed for what is to be claimed then. An error is one line, and one of Dial's, or ErrNoSession if the donor does not keep the session
// any more; Resume may be tried again then. One goroutine at a time.
func (s *Session) Resume(ctx context.Context) error {
	if err := s.Err(); err != nil {
		return err
	}
	if _, given := ctx.Deadline(); !given {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timing.Handshake)
		defer cancel()
	}
	conn, err := s.again.reach(ctx)
	if err != nil {
		return err
	}
	g, err := s.again.greet(ctx, conn)
	if err != nil {
		return fmt.Errorf("donor %w", err)
	}
	old := s.current()
	old.end(fmt.Errorf("session with %v: %w: it is connected again", old.peer, ErrPeerLost))
	old.wg.Wait() // its handler
	if err := s.Err(); err != nil {
		rawClose(conn)
		return err
	}
	hello := *s.again.hello
	hello.Resume = s.welcome.Session
	welcome, err := s.again.introduce(ctx, g, &hello)
	if err != nil {
		return fmt.Errorf("donor %w", err)
	}
	if !welcome.Resumed || welcome.Session != s.welcome.Session {
		// An earlier release, which has opened another session. It ends with the connection.
		rawClose(conn)
		return fmt.Errorf("donor %s: %w: it has opened another", s.again.addr, ErrNoSession)
	}
	l := newLine(s, conn, g.shown, g.pulse, g.reader)
	l.settle()
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		rawClose(conn)
		return s.err
	}
	s.line = l
	l.start()
	s.mu.Unlock()
	if err := s.fetchHeld(ctx, welcome); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lapsed = welcome.Held
	return nil
}

// Lapsed lists the slabs that the donor held without a key at the last Resume. A donor that goes on in another
// process does not have the keys of every transport any more: a slab of these for which this device has
// one is to be claimed anew. Nobody changes the list.
func (s *Session) Lapsed() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lapsed
}
