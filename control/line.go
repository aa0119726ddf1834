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

// line is one connection of a session.
type line struct {
	session *Session
	conn    net.Conn
	peer    Peer
	shown   *Shown    // of the peer; nil: no certificate
	aging   time.Time // when to look for a renewed certificate of the peer; a device's only
	timing  Timing
	pulse   *pulse        // reads from conn
	reader  *bufio.Reader // reads from pulse

	out     chan []byte
	in      chan incoming // requests that change something
	queries chan incoming // requests that only ask
	unread  chan struct{} // closed once the reader has returned
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

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

func newLine(s *Session, conn net.Conn, shown *Shown, p *pulse, r *bufio.Reader) *line {
	l := &line{
		shown:   shown,
		session: s,
		conn:    conn,
		peer:    peerOf(conn),
		timing:  s.timing,
		pulse:   p,
		reader:  r,
		out:     make(chan []byte, maxQueued),
		in:      make(chan incoming, maxQueued),
		queries: make(chan incoming, maxQueued),
		pending: make(map[uint32]pendingCall),
		unread:  make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// start runs the connection, once the handshake is over.
func (l *line) start() {
	_ = l.conn.SetDeadline(time.Time{})
	l.pulse.every, l.pulse.most, l.pulse.alive = l.timing.Ping, l.timing.Missed, l.session.Alive
	l.wg.Go(l.read)
	l.wg.Go(l.write)
	l.wg.Go(func() { l.serve(l.in) })
	l.wg.Go(func() { l.serve(l.queries) })
}

// failure is nil while the connection lasts.
func (l *line) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// end ends the connection for a reason. It keeps the first.
func (l *line) end(err error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = err
	l.mu.Unlock()
	l.session.ended(err)
	l.cancel()
	// A hanging write must not delay the end. The writer sets its own deadline before it looks at
	// ctx, so it cannot overwrite this deadline unnoticed.
	_ = l.conn.SetWriteDeadline(time.Now().Add(farewell))
}

// lost ends the connection because it failed.
func (l *line) lost(err error) {
	switch {
	case errors.Is(err, ErrProtocol), errors.Is(err, ErrBusy):
		l.end(fmt.Errorf("session with %v: %w", l.peer, err))
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.end(fmt.Errorf("session with %v: %w: it was silent for %v", l.peer, ErrPeerLost, l.timing.silence()))
	default:
		l.end(fmt.Errorf("session with %v: %w: %w", l.peer, ErrPeerLost, err))
	}
}

// distrust ends the connection because the peer's certificate is not good any more. A donor ends the
// session with it. A device may connect again, since the donor may have a renewed certificate by now.
func (l *line) distrust(err error) {
	reason := ErrRefused
	if l.session.welcome != nil {
		reason = ErrPeerLost
	}
	l.end(fmt.Errorf("session with %v: %w: %w", l.peer, reason, err))
}

// write is the only goroutine that writes. At its end it closes the connection, which ends the
// reader.
func (l *line) write() {
	defer rawClose(l.conn)
	ping, err := appendFrame(nil, 0, false, &Ping{})
	if err != nil {
		l.lost(err)
		return
	}
	tick := time.NewTicker(l.timing.Ping)
	defer tick.Stop()
	for {
		var b []byte
		select {
		case b = <-l.out:
		case now := <-tick.C:
			b = ping
			if err := l.shown.Check(now); err != nil {
				l.distrust(err)
			}
		case <-l.ctx.Done():
		}
		_ = l.conn.SetWriteDeadline(time.Now().Add(l.timing.silence()))
		if l.ctx.Err() != nil {
			l.bye()
			return
		}
		if _, err := l.conn.Write(b); err != nil {
			l.lost(err)
			return
		}
	}
}

// bye tells the peer why the session ends, if the connection still works, and gives it a moment to
// close its side.
func (l *line) bye() {
	err := l.failure()
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
	_ = l.conn.SetWriteDeadline(time.Now().Add(farewell))
	if _, err := l.conn.Write(b); err != nil {
		return
	}
	halfClose(l.conn)
	select {
	case <-l.unread:
	case <-time.After(farewell):
	}
}

// send queues a frame. It waits for room until the context ends.
func (l *line) send(ctx context.Context, b []byte) error {
	select {
	case l.out <- b:
		return nil
	case <-l.ctx.Done():
		return l.failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}
