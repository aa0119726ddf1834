package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Limits of a donor against peers that are not known yet, and known ones.
const (
	maxHandshakes = 64
	maxSessions   = 1024
)

// Service is what a donor does with the devices that come.
type Service interface {
	// Admit decides on a hello. It returns the welcome, with all held slabs, and
	// the handler of the device's requests; or an error, which the device is told.
	// The context ends with the handshake's deadline. The session is not running
	// yet: keep it for later, call nothing but Peer, Abort, Done and Err.
	Admit(ctx context.Context, s *Session, hello *Hello) (*Welcome, Handler, error)

	// Ended comes once for every session that Admit accepted, after its
	// connection is closed and its last handler call has returned.
	Ended(s *Session)
}

// ListenConfig is a donor's side of sessions.
type ListenConfig struct {
	Identity *Identity // required unless Insecure
	Insecure bool      // no TLS; loopback addresses only
	Timing   Timing

	// Rejected is told of each connection that did not become a session. It may
	// be called from several goroutines at once. It may be nil.
	Rejected func(remote string, err error)
}

// Listener takes the sessions of devices.
type Listener struct {
	tcp    *net.TCPListener
	cfg    ListenConfig
	tls    *tls.Config // nil: insecure
	places chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex // guards sessions
	sessions map[*Session]struct{}
}

// Listen binds host:port. Errors: ErrInsecureAddress, ErrIdentity, or the
// network's.
func Listen(addr string, cfg ListenConfig) (*Listener, error) {
	l := &Listener{cfg: cfg, places: make(chan struct{}, maxHandshakes), sessions: make(map[*Session]struct{})}
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
		l.tls = cfg.Identity.ServerConfig()
	}
	if l.tcp, err = net.ListenTCP("tcp", a); errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w: another donor may run here: stop it, or choose another port", addr, syscall.EADDRINUSE)
	} else if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// Addr is the bound address.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Close unbinds a listener that Serve does not run on. After Serve it does
// nothing.
func (l *Listener) Close() error {
	if err := l.tcp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Serve takes sessions until the context ends; then it ends them all, waits
// until the last one is over, and returns nil. Another return is the network's
// error. Call it once.
func (l *Listener) Serve(ctx context.Context, svc Service) error {
	stop := context.AfterFunc(ctx, func() { _ = l.tcp.Close() })
	defer stop()
	err := l.accept(ctx, svc)
	_ = l.tcp.Close()
	l.mu.Lock()
	for s := range l.sessions {
		s.Abort(ErrClosed)
	}
	l.mu.Unlock()
	l.wg.Wait()
	return err
}

func (l *Listener) accept(ctx context.Context, svc Service) error {
	for {
		select {
		case l.places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := l.tcp.Accept()
		if err == nil {
			l.wg.Go(func() { l.serve(ctx, conn, svc) })
			continue
		}
		<-l.places
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS),
			errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ECONNABORTED):
			l.rejected("", err) // passes when another connection ends
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

// serve runs one connection from its first byte to its end. It was given a
// place among the handshakes.
func (l *Listener) serve(ctx context.Context, conn net.Conn, svc Service) {
	remote := conn.RemoteAddr().String()
	if l.tls != nil {
		conn = tls.Server(conn, l.tls)
	}
	s, err := l.admit(ctx, conn, svc)
	<-l.places
	if err != nil {
		lingerClose(conn)
		l.rejected(remote, explain(err, "device "+remote, l.cfg.Identity))
		return
	}
	s.wg.Wait()
	l.forget(s)
	svc.Ended(s)
}

func (l *Listener) remember(s *Session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sessions) >= maxSessions {
		return fmt.Errorf("%w: %d sessions are open", ErrBusy, maxSessions)
	}
	l.sessions[s] = struct{}{}
	return nil
}

func (l *Listener) forget(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, s)
}
