package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	maxQueued  = 64  // requests of the peer that wait for the handler, and frames to send
	maxPending = 256 // calls of this side without an answer
)

// Handler answers the peer's requests, one at a time, in the order in which they arrive. It returns
// the answer that belongs to the request's type, or an error, which the session sends as a Failure.
// The context ends with the session. The session answers pings itself.
type Handler interface {
	Handle(ctx context.Context, req Message) (Message, error)
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, req Message) (Message, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, req Message) (Message, error) { return f(ctx, req) }

// Session is the connection of one device to one donor. Its methods may be called from any goroutine.
// It ends when either side closes it, or when the peer falls silent or breaks the protocol. Then Done
// is closed and Err says why. After Close none of its goroutines runs.
type Session struct {
	conn    net.Conn
	peer    Peer
	timing  Timing
	handler Handler
	held    []uint32 // donor's side: the list from which QueryHeld is answered; constant

	// Welcome as the donor sent it; device's side only.
	welcome *Welcome

	out    chan []byte
	in     chan incoming
	unread chan struct{} // closed once the reader has returned
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // guards the fields below; never held across I/O
	err     error
	last    uint32 // number of the newest request
	pending map[uint32]pendingCall
}

type incoming struct {
	id  uint32
	msg Message
	err error // answer to a request of unknown kind
}

type pendingCall struct {
	answer kind
	reply  chan<- Message // buffered, one slot
}

func newSession(conn net.Conn, peer Peer, t Timing) *Session {
	s := &Session{
		conn:    conn,
		peer:    peer,
		timing:  t,
		out:     make(chan []byte, maxQueued),
		in:      make(chan incoming, maxQueued),
		pending: make(map[uint32]pendingCall),
		unread:  make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start runs an open session. With a nil h the session refuses every request of the peer. r is the
// reader of the handshake.
func (s *Session) start(r *bufio.Reader, h Handler) {
	s.handler = h
	_ = s.conn.SetDeadline(time.Time{})
	s.wg.Go(func() { s.read(r) })
	s.wg.Go(s.write)
	s.wg.Go(s.serve)
}

// Peer returns the other end of the session.
func (s *Session) Peer() Peer { return s.peer }

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.ctx.Done() }

// Err is nil while the session lasts. Then it says why the session ended: ErrClosed after Close on
// this side, ErrPeerClosed, ErrPeerLost, ErrProtocol, or the error from Abort.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the session, tells the peer, and waits for all goroutines of the session, that of the
// handler included. It may be called again. It never fails.
func (s *Session) Close() error {
	s.end(ErrClosed)
	s.wg.Wait()
	return nil
}

// Abort ends the session with an error, sends the error to the peer, and does not wait. A session
// keeps its first error.
func (s *Session) Abort(err error) { s.end(err) }

func (s *Session) end(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	s.mu.Unlock()
	s.cancel()
	// A hanging write must not delay the end. The writer sets its own deadline before it looks at
	// ctx, so it cannot overwrite this deadline unnoticed.
	_ = s.conn.SetWriteDeadline(time.Now().Add(farewell))
}

// lost ends the session because the connection failed.
func (s *Session) lost(err error) {
	switch {
	case errors.Is(err, ErrProtocol), errors.Is(err, ErrBusy):
		s.end(fmt.Errorf("session with %v: %w", s.peer, err))
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.end(fmt.Errorf("session with %v: %w: it was silent for %v", s.peer, ErrPeerLost, s.timing.silence()))
	default:
		s.end(fmt.Errorf("session with %v: %w: %w", s.peer, ErrPeerLost, err))
	}
}

// write is the only goroutine that writes. At its end it closes the connection, which ends the
// reader.
func (s *Session) write() {
	defer rawClose(s.conn)
	ping, err := appendFrame(nil, 0, false, &Ping{})
	if err != nil {
		s.lost(err)
		return
	}
	tick := time.NewTicker(s.timing.Ping)
	defer tick.Stop()
	for {
		var b []byte
		select {
		case b = <-s.out:
		case <-tick.C:
			b = ping
		case <-s.ctx.Done():
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(s.timing.silence()))
		if s.ctx.Err() != nil {
			s.bye()
			return
		}
		if _, err := s.conn.Write(b); err != nil {
			s.lost(err)
			return
		}
	}
}

// bye tells the peer why the session ends, if the connection still works, and gives it a moment to
// close its side.
func (s *Session) bye() {
	err := s.Err()
	switch {
	case errors.Is(err, ErrPeerLost), errors.Is(err, ErrPeerClosed):
		return
	case errors.Is(err, ErrClosed):
		err = ErrPeerClosed // as the peer sees it
	}
	b, err := appendFrame(nil, 0, false, failureOf(err))
	if err != nil {
		return
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(farewell))
	if _, err := s.conn.Write(b); err != nil {
		return
	}
	halfClose(s.conn)
	select {
	case <-s.unread:
	case <-time.After(farewell):
	}
}

// send queues a frame. It waits for room until the context ends.
func (s *Session) send(ctx context.Context, b []byte) error {
	select {
	case s.out <- b:
		return nil
	case <-s.ctx.Done():
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
