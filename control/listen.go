package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/farswap/farswap/netlimit"
)

// handshakes bounds those of a donor: see package netlimit. One takes some 30 KiB, and up to half a
// millisecond of a processor. All devices of a host may come back at once.
var handshakes = netlimit.Limits{Unproven: 48, PerOrigin: 32, PerSecond: 100, AtOnce: 32}

const (
	maxSessions = 1024

	// maxSessionsOfName bounds the sessions of one identity, so that one tenant does not take all. Each
	// device of it has one, and for a moment a second one that replaces the first.
	maxSessionsOfName = 128
)

// Service is a donor's side of sessions. Each connection is a Session; a Hello with Resume asks to
// go on with what another one has begun.
type Service interface {
	// Admit decides on a hello. It returns the welcome with all held slabs and the handler of the
	// device's requests, or an error, which the listener sends to the device. The context ends
	// at the deadline of the handshake. The session does not run yet: keep it for later, set
	// Alive, and call only Peer, Abort, Done and Err.
	Admit(ctx context.Context, s *Session, hello *Hello) (*Welcome, Handler, error)

	// The listener calls Ended once for every session that Admit has accepted, after the
	// connection is closed and the last call of the handler has returned.
	Ended(s *Session)
}

// ListenConfig is a donor's side of sessions.
type ListenConfig struct {
	Identity *Identity // required unless Insecure
	Insecure bool      // no TLS; loopback addresses only
	Timing   Timing

	// The listener calls Rejected for each connection that does not become a session, from
	// several goroutines at once. It may be nil.
	Rejected func(remote string, err error)

	// Socket listens already, at whatever address; nil: Listen binds one. The listener owns it.
	Socket *net.TCPListener
}

// Listener accepts the sessions of devices.
type Listener struct {
	tcp *netlimit.Listener
	cfg ListenConfig
	tls *tls.Config // nil: insecure
	wg  sync.WaitGroup

	mu       sync.Mutex // guards sessions
	sessions map[*Session]struct{}
}

// Listen binds host:port. Errors: ErrInsecureAddress, ErrIdentity, or the
// network's.
func Listen(addr string, cfg ListenConfig) (*Listener, error) {
	l := &Listener{cfg: cfg, sessions: make(map[*Session]struct{})}
	l.cfg.Timing = cfg.Timing.withDefaults()
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w: want HOST:PORT", addr, err)
	}
	switch {
	case cfg.Insecure:
		if !a.IP.IsLoopback() {
			return nil, fmt.Errorf("listen on %s: %w: listen on 127.0.0.1, or use a TLS identity", addr, ErrInsecureAddress)
		}
	case cfg.Identity == nil:
		return nil, fmt.Errorf("listen on %s: %w", addr, ErrIdentity)
	default:
		l.tls = cfg.Identity.ServerConfig(RoleDevice)
	}
	if cfg.Socket != nil {
		if l.tcp, err = netlimit.Over(cfg.Socket, handshakes); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", addr, err)
		}
		return l, nil
	}
	if l.tcp, err = netlimit.Listen(a.String(), handshakes); errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w: another donor may run here: stop it, or choose another port", addr, syscall.EADDRINUSE)
	} else if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// Addr is the bound address.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Socket is another descriptor of the listening socket: what connects waits in the kernel while that is open.
// It is the caller's to close.
func (l *Listener) Socket() (*os.File, error) { return l.tcp.File() }

// Close unbinds a listener on which Serve has not run. After Serve it does nothing.
func (l *Listener) Close() error {
	if err := l.tcp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Serve accepts sessions until the context ends. Then it ends all sessions, waits for the last and
// returns nil. Devices hear that the donor has closed; with a cause of the context that wraps ErrPeerLost
// they hear nothing, as if the network had failed, and those that have a grace time connect again. Any
// other return is an error of the network. Call it once.
func (l *Listener) Serve(ctx context.Context, svc Service) error {
	stop := context.AfterFunc(ctx, func() { _ = l.tcp.Close() })
	defer stop()
	err := l.accept(ctx, svc)
	_ = l.tcp.Close()
	why := ErrClosed
	if cause := context.Cause(ctx); errors.Is(cause, ErrPeerLost) {
		why = cause
	}
	l.mu.Lock()
	for s := range l.sessions {
		s.Abort(why)
	}
	l.mu.Unlock()
	l.wg.Wait()
	return err
}

func (l *Listener) accept(ctx context.Context, svc Service) error {
	for {
		conn, err := l.tcp.AcceptConn()
		if err == nil {
			l.wg.Go(func() { l.serve(ctx, conn, svc) })
			continue
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS),
			errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ECONNABORTED):
			l.rejected("", err) // the shortage ends with another connection
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		default:
			return fmt.Errorf("accept on %v: %w", l.Addr(), err)
		}
	}
}

func (l *Listener) rejected(remote string, err error) {
	if l.cfg.Rejected != nil {
		l.cfg.Rejected(remote, err)
	}
}

// serve runs one connection from its first byte to its end.
func (l *Listener) serve(ctx context.Context, conn net.Conn, svc Service) {
	remote := conn.RemoteAddr().String()
	if l.tls != nil {
		conn = tls.Server(conn, l.tls)
	}
	s, err := l.admit(ctx, conn, svc)
	if err != nil {
		lingerClose(conn)
		l.rejected(remote, explain(err, "device "+remote, l.cfg.Identity))
		return
	}
	s.wait()
	l.forget(s)
	svc.Ended(s)
}

// remember counts a session whose peer has shown its certificate. Without TLS peers have no names, and only
// the bound of all holds.
func (l *Listener) remember(s *Session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sessions) >= maxSessions {
		return fmt.Errorf("%w: the donor has %d sessions already", ErrBusy, maxSessions)
	}
	name, same := s.Peer().Name, 0
	for other := range l.sessions {
		if name != "" && other.Peer().Name == name {
			same++
		}
	}
	if same >= maxSessionsOfName {
		return fmt.Errorf("%w: identity %q has %d sessions already", ErrBusy, name, same)
	}
	l.sessions[s] = struct{}{}
	return nil
}

func (l *Listener) forget(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, s)
}
