package control

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// maxHeld bounds the held slabs that a device accepts from a donor: 4 TiB in the smallest slabs.
const maxHeld = 1 << 20

// DialConfig is a device's side of a session.
type DialConfig struct {
	Device   UUID
	Name     string // of the device, for the donor's status and log
	SlabSize uint64 // bytes

	Identity *Identity // required unless Insecure
	Insecure bool      // no TLS; loopback addresses only
	Timing   Timing
	Handler  Handler // answers the donor's requests (CheckActivity, Evict); nil refuses them
}

// Dial opens a session with the donor at host:port. It takes Timing.Handshake at most, or less if the
// context ends. An error is one line that says what to do: ErrInsecureAddress, ErrIdentity,
// ErrUntrusted, ErrExpired, ErrVersion, ErrProtocol, ErrRefused, ErrTimeout, ErrPeerLost, or the
// network's. After an error nothing stays open.
func Dial(ctx context.Context, addr string, cfg DialConfig) (*Session, error) {
	hello := &Hello{Device: cfg.Device, Name: cfg.Name, SlabSize: cfg.SlabSize}
	if err := hello.check(); err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("donor %q: %w: want HOST:PORT", addr, ErrInvalid)
	}
	if cfg.Identity == nil && !cfg.Insecure {
		return nil, fmt.Errorf("donor %s: %w", addr, ErrIdentity)
	}
	t := cfg.Timing.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, t.Handshake)
	defer cancel()

	dialer := net.Dialer{}
	if cfg.Insecure {
		dialer.Control = onlyLoopback
	}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("donor %w", connectError(addr, err))
	}
	if !cfg.Insecure {
		conn = tls.Client(conn, cfg.Identity.ClientConfig(host))
	}
	s, err := open(ctx, conn, addr, hello, t, cfg)
	if err != nil {
		return nil, fmt.Errorf("donor %w", err)
	}
	return s, nil
}

// open does the device's side of the handshake on a fresh connection. It owns the connection.
func open(ctx context.Context, conn net.Conn, addr string, hello *Hello, t Timing, cfg DialConfig) (*Session, error) {
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	s, r, err := greet(ctx, conn, hello, t)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		rawClose(conn)
		if ctxErr := ctx.Err(); errors.Is(ctxErr, context.Canceled) {
			return nil, fmt.Errorf("%s: %w", addr, ctxErr)
		}
		return nil, explain(err, addr, cfg.Identity)
	}
	s.start(r, cfg.Handler)
	if err := s.fetchHeld(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func greet(ctx context.Context, conn net.Conn, hello *Hello, t Timing) (*Session, *bufio.Reader, error) {
	if c, ok := conn.(*tls.Conn); ok {
		if err := c.HandshakeContext(ctx); err != nil {
			return nil, nil, err
		}
	}
	r := bufio.NewReader(conn)
	if _, err := conn.Write(preamble()); err != nil {
		return nil, nil, readBeforeWriteError(r, err)
	}
	version, err := readPreamble(r)
	if err != nil {
		return nil, nil, err
	}
	if version != Version {
		return nil, nil, otherVersion(version)
	}
	b, err := appendFrame(nil, 0, false, hello)
	if err != nil {
		return nil, nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, nil, readBeforeWriteError(r, err)
	}
	f, err := readFrame(r)
	if err != nil {
		return nil, nil, err
	}
	m, err := decode(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	switch m := m.(type) {
	case *Failure:
		return nil, nil, m
	case *Welcome:
		s := newSession(conn, peerOf(conn), t)
		s.welcome = m
		return s, r, nil
	}
	return nil, nil, fmt.Errorf("%w: %v where Welcome belongs", ErrProtocol, f.kind)
}

// readBeforeWriteError returns what the peer sent before it closed the connection, rather than the
// error of the failed write. In TLS 1.3 the peer's verdict on this side's certificate comes late.
func readBeforeWriteError(r *bufio.Reader, writeErr error) error {
	if _, err := r.Peek(1); err != nil {
		return err
	}
	return writeErr
}

// fetchHeld completes the list of held slabs in Welcome.
func (s *Session) fetchHeld(ctx context.Context) error {
	w := s.welcome
	if w.HeldTotal > maxHeld {
		return fmt.Errorf("%v: %w: the donor holds %d slabs, at most %d are allowed", s.peer, ErrProtocol, w.HeldTotal, maxHeld)
	}
	for len(w.Held) < int(w.HeldTotal) {
		held, err := ask[*Held](ctx, s, &QueryHeld{From: uint32(len(w.Held))})
		if err != nil {
			return err
		}
		if len(held.Slabs) == 0 || len(w.Held)+len(held.Slabs) > int(w.HeldTotal) {
			return fmt.Errorf("%v: %w: the list of held slabs does not add up to %d", s.peer, ErrProtocol, w.HeldTotal)
		}
		w.Held = append(w.Held, held.Slabs...)
	}
	return nil
}

// onlyLoopback refuses an address that is not loopback. It gets the address to which a name resolves.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%w: %s is not: use TLS identities", ErrInsecureAddress, address)
	}
	return nil
}

func connectError(addr string, err error) error {
	switch {
	case errors.Is(err, ErrInsecureAddress):
		return explain(errors.Unwrap(err), addr, nil)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: %w: %w", addr, ErrNoListener, syscall.ECONNREFUSED)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", addr, context.Canceled)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: the machine does not answer", addr, ErrTimeout)
	}
	return fmt.Errorf("%s: %w", addr, err)
}
