package control

import (
	"context"
	"fmt"
	"time"
)

// Grace is how long the donor keeps a suspended session, 0 if it keeps none. It is a device's.
func (s *Session) Grace() time.Duration { return GraceOf(s.welcome.Grace) }

// Resume connects a device's session again whose connection has ended: see Cut. Keys and data
// connections are what they were. It takes Timing.Handshake at most, or less if the context ends. An
// error is one line, and one of Dial's, or ErrNoSession if the donor does not keep the session any
// more; the session is as before then, and Resume may be tried again. Without an end of the connection
// Resume ends it. One goroutine at a time.
func (s *Session) Resume(ctx context.Context) error {
	old := s.current()
	old.end(fmt.Errorf("session with %v: %w: it is connected again", old.peer, ErrPeerLost))
	old.wg.Wait() // its handler
	if err := s.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timing.Handshake)
	defer cancel()
	conn, err := s.again.reach(ctx)
	if err != nil {
		return err
	}
	hello := *s.again.hello
	hello.Resume = s.welcome.Session
	welcome, p, r, err := s.again.shakeHands(ctx, conn, &hello)
	if err != nil {
		return fmt.Errorf("donor %w", err)
	}
	if !welcome.Resumed || welcome.Session != s.welcome.Session {
		// An earlier release, which has opened another session. It ends with the connection.
		rawClose(conn)
		return fmt.Errorf("donor %s: %w: it has opened another", s.again.addr, ErrNoSession)
	}
	l := newLine(s, conn, p, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		rawClose(conn)
		return s.err
	}
	s.line = l
	l.start()
	return nil
}
