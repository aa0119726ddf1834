package control

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Handler answers the peer's requests. It returns the answer that belongs to the request's type, or
// an error, which the session sends as a Failure. The context ends with the session's connection. The
// session answers pings itself.
//
// Requests that change something (Map, Unmap, Evict) come one at a time, in the order in which they
// arrive. Requests that only ask (QueryMem, CheckActivity) come one at a time, too, but do not wait
// for those: another goroutine brings them.
type Handler interface {
	Handle(ctx context.Context, req Message) (Message, error)
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, req Message) (Message, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, req Message) (Message, error) { return f(ctx, req) }

// Session is what one device and one donor have agreed on, and the connection over which they talk.
// Its methods may be called from any goroutine. It ends when either side closes it, or when the peer
// breaks the protocol. Then Done is closed and Err says why. After Close none of its goroutines runs.
//
// When the connection breaks, the peer falls silent, or a donor's certificate is not good any more, the
// session ends, too, unless the donor has
// granted a grace time (see Welcome). Then the device's session is suspended: Cut is closed, calls
// fail with ErrPeerLost, and Resume connects it again. On the donor's side each connection is a
// Session of its own.
type Session struct {
	// Alive says when the peer was last heard elsewhere, on a data connection: the session gives a
	// peer up only when that is silent, too. It may be nil. It is constant once the session runs.
	// One goroutine of the session calls it, with each message and while the peer is silent.
	Alive func() time.Time

	timing  Timing
	handler Handler
	held    []uint32 // donor's side: the list from which QueryHeld is answered; constant
	again   redial   // device's side
	welcome *Welcome // as the donor sent it; device's side only
	done    chan struct{}

	mu     sync.Mutex // guards the fields below; never held across I/O
	err    error
	line   *line    // the connection now, or the last one
	lapsed []uint32 // device's side
}

// newSession makes a session that does not run yet. p reads from conn, and r from p.
func newSession(conn net.Conn, shown *Shown, p *pulse, r *bufio.Reader, t Timing) *Session {
	s := &Session{timing: t, done: make(chan struct{})}
	s.line = newLine(s, conn, shown, p, r)
	return s
}

// start runs an open session. With a nil h the session refuses every request of the peer.
func (s *Session) start(h Handler) {
	s.handler = h
	s.current().start()
}

func (s *Session) current() *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line
}

// Peer returns the other end of the session.
func (s *Session) Peer() Peer { return s.current().peer }

// Shown returns the certificate of the peer, as it was shown on the connection that there is now, or was
// last. It is nil in insecure mode.
func (s *Session) Shown() *Shown { return s.current().shown }

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Cut is closed when the session's connection has ended, and the session is suspended or has ended:
// then Err is not nil. Each Resume makes another channel.
func (s *Session) Cut() <-chan struct{} { return s.current().ctx.Done() }

// Err is nil while the session lasts, also while it is suspended. Then it says why the session ended:
// ErrClosed after Close on this side, ErrPeerClosed, ErrPeerLost, ErrProtocol, ErrRefused if a device's
// certificate is not good any more (see Shown.Check), or the error from Abort.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Trouble is why the session's connection has ended, nil while it is there.
func (s *Session) Trouble() error { return s.current().failure() }

// Close ends the session, tells the peer, and waits for all goroutines of the session, those of the
// handler included. It may be called again. It never fails.
func (s *Session) Close() error {
	s.end(ErrClosed)
	s.wait()
	return nil
}

// wait waits for the goroutines of the connection.
func (s *Session) wait() { s.current().wg.Wait() }

// Abort ends the session with an error, sends the error to the peer, and does not wait. A session
// keeps its first error.
func (s *Session) Abort(err error) { s.end(err) }

func (s *Session) end(err error) {
	s.mu.Lock()
	l := s.line
	s.mu.Unlock()
	s.over(err)
	l.end(err)
}

// over records the end of the session.
func (s *Session) over(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.done)
	}
}

// ended hears why a connection ends, before Cut is closed.
func (s *Session) ended(err error) {
	if s.welcome == nil || s.welcome.Grace == 0 || !errors.Is(err, ErrPeerLost) {
		s.over(err)
	}
}
