package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/farswap/farswap/netlimit"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

// handshakes bounds those under way, and how many begin in a second: see package netlimit. One
// takes some 10 KiB, and 0.1 ms of a processor. A host with several devices connects all their
// queues at once.
var handshakes = netlimit.Limits{Unproven: 96, PerOrigin: 64, PerSecond: 250, AtOnce: 64}

const (
	// shareOfOwner is the part of all connections that one owner may have: a quarter.
	shareOfOwner = 4
	// acceptPause is how long the accept loop rests after a failure that may
	// pass, such as running out of file descriptors.
	acceptPause = 50 * time.Millisecond
)

// accept takes connections until the listener is closed. It is the control path:
// plain Go networking, one goroutine per handshake.
func (s *Server) accept(ctx context.Context) {
	for {
		tc, err := s.listener.AcceptConn()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			s.reject("", fmt.Errorf("accept: %w", err))
			time.Sleep(acceptPause)
			continue
		}
		s.serving.Go(func() {
			remote := tc.RemoteAddr().String()
			if err := s.welcome(ctx, tc, remote); err != nil {
				_ = tc.Close()
				s.reject(remote, err)
			}
		})
	}
}

func (s *Server) reject(remote string, err error) {
	s.rejected.Add(1)
	if f := s.cfg.Events.Rejected; f != nil {
		f(remote, err)
	}
}

// welcome is the server's side of the handshake. After an error tc is the
// caller's to close.
func (s *Server) welcome(ctx context.Context, tc *netlimit.Conn, remote string) error {
	if err := tc.SetDeadline(time.Now().Add(s.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = tc.Close() })
	defer stop()
	if err := tune(tc, &s.cfg); err != nil {
		return err
	}
	peer, err := s.authenticate(ctx, tc, tc.Prove)
	if err != nil {
		return err
	}
	peer.remote = remote
	if peer.fd, err = takeFD(tc.TCPConn); err != nil {
		s.forget(peer)
		return err
	}
	_ = tc.Close() // gives its place back: the server counts the connection itself
	s.accepted.Add(1)
	if f := s.cfg.Events.Accepted; f != nil {
		f(remote, peer.session.id)
	}
	w := s.workers[s.next.Add(1)%uint64(len(s.workers))]
	s.give(peer.tenure, w)
	// Close waits for handshakes before it ends the workers.
	w.loop.Post(func() { w.adopt(peer) })
	return nil
}

// authenticate exchanges the messages, and says yes only when the fence of the
// connection's place stands. When it succeeds, the connection counts among conns and has
// its tenure. It calls prove once the device has proven to know the session's secret.
func (s *Server) authenticate(ctx context.Context, rw io.ReadWriter, prove func() error) (peer, error) {
	server := format.NewNonce()
	if _, err := rw.Write(format.Greeting(server)); err != nil {
		return peer{}, fmt.Errorf("greet: %w", err)
	}
	buf := make([]byte, format.ClaimSize())
	if _, err := io.ReadFull(rw, buf); err != nil {
		return peer{}, fmt.Errorf("wait for the credential: %w", err)
	}
	ses, c, err := s.judge(buf, server)
	if errors.Is(err, verbs.ErrClosed) {
		return peer{}, err // no verdict: another process may go on with the session
	}
	p := peer{depth: c.Depth, session: ses}
	verdict, secret := handshake.Refused, &[32]byte{}
	switch {
	case err == nil:
		verdict, secret = handshake.OK, &ses.secret
		if err = prove(); err != nil {
			s.uncount(ses)
			return p, err
		}
		if p.tenure, err = s.fence(ctx, ses, c); err != nil {
			s.uncount(ses)
			if errors.Is(err, verbs.ErrClosed) {
				return p, err
			}
			verdict = fenceVerdict(err)
		}
	case errors.Is(err, verbs.ErrVersion):
		verdict = handshake.Version
	case errors.Is(err, verbs.ErrBusy):
		verdict = handshake.Full
	}
	if _, werr := rw.Write(format.Verdict(verdict, c.Nonce, server, secret)); werr != nil && err == nil {
		s.forget(p)
		err = fmt.Errorf("send the verdict: %w", werr)
	}
	return p, err
}

// forget takes back what authenticate has given a connection that no worker has.
func (s *Server) forget(p peer) {
	s.uncount(p.session)
	s.leave(p.session, p.tenure)
}

// judge decides on a claim; when it agrees, the connection counts among conns.
func (s *Server) judge(buf []byte, server handshake.Nonce) (*session, handshake.Claim, error) {
	c, err := format.ParseClaim(buf)
	if err != nil {
		return nil, c, err
	}
	s.mu.Lock()
	ses, closed := s.sessions[c.Session], s.closed
	s.mu.Unlock()
	if closed {
		return nil, c, fmt.Errorf("session %d: %w", c.Session, verbs.ErrClosed)
	}
	if ses == nil {
		return nil, c, fmt.Errorf("session %d: %w: %w", c.Session, verbs.ErrNoSession, verbs.ErrRefused)
	}
	if !format.VerifyClaim(buf, server, &ses.secret) {
		return nil, c, fmt.Errorf("session %d: wrong secret: %w", c.Session, verbs.ErrRefused)
	}
	if err := s.count(ses); err != nil {
		return nil, c, fmt.Errorf("session %d: %w", c.Session, err)
	}
	return ses, c, nil
}

// count counts one more connection of a session, unless there are too many of all or of its owner.
func (s *Server) count(ses *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.owned[ses.owner]; ses.owner != "" && n >= max(s.cfg.MaxConnections/shareOfOwner, 1) {
		return fmt.Errorf("its owner has %d connections already: %w", n, verbs.ErrBusy)
	}
	if s.conns.Add(1) > int64(s.cfg.MaxConnections) {
		s.conns.Add(-1)
		return fmt.Errorf("%d connections already: %w", s.cfg.MaxConnections, verbs.ErrBusy)
	}
	if ses.owner != "" {
		s.owned[ses.owner]++
	}
	return nil
}

// uncount undoes count.
func (s *Server) uncount(ses *session) {
	s.conns.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ses.owner == "" {
		return
	}
	if s.owned[ses.owner]--; s.owned[ses.owner] == 0 {
		delete(s.owned, ses.owner)
	}
}
