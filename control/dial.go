package control

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
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

	Server     uint64 // see Hello; 0: unknown
	Generation uint64 // of the servers of the device, this one included

	Identity *Identity // required unless Insecure
	Insecure bool      // no TLS; loopback addresses only
	Timing   Timing
	Handler  Handler // answers the donor's requests (CheckActivity, Evict); nil refuses them

	// Grace is how long the donor is to keep the session after its connection has broken, so that
	// Resume can go on with it; in whole milliseconds, 0: not at all. The donor may grant less.
	Grace time.Duration
	Alive func() time.Time // see Session.Alive; may be nil

	// Accept says whether a donor may be used whose certificate has this name, before the donor
	// learns anything of the device. nil accepts all. It is not asked in insecure mode.
	Accept func(name string) error
}

// Dial opens a session with the donor at host:port. It takes Timing.Handshake at most, or less if the
// context ends. An error is one line that says what to do: ErrInsecureAddress, ErrIdentity,
// ErrUntrusted, ErrExpired, ErrVersion, ErrProtocol, ErrRefused, ErrOtherServer, ErrTimeout, ErrPeerLost, or the
// network's. After an error nothing stays open.
func Dial(ctx context.Context, addr string, cfg DialConfig) (*Session, error) {
	hello := &Hello{
		Device: cfg.Device, Name: cfg.Name, SlabSize: cfg.SlabSize, Grace: GraceField(cfg.Grace), Server: cfg.Server, Generation: cfg.Generation,
	}
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
	cfg.Timing = cfg.Timing.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.Timing.Handshake)
	defer cancel()
	way := redial{addr, host, hello, cfg}
	conn, err := way.reach(ctx)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, conn, way)
	if err != nil {
		return nil, fmt.Errorf("donor %w", err)
	}
	return s, nil
}

// redial is what a device needs to connect a session, and to connect it again.
type redial struct {
	addr  string
	host  string
	hello *Hello
	cfg   DialConfig // Timing has its defaults
}

// reach connects to the donor.
func (d redial) reach(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{}
	if d.cfg.Insecure {
		dialer.Control = onlyLoopback
	}
	conn, err := dialer.DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, fmt.Errorf("donor %w", connectError(d.addr, err))
	}
	if !d.cfg.Insecure {
		conn = tls.Client(conn, d.cfg.Identity.ClientConfig(d.host, RoleDonor))
	}
	return conn, nil
}

// open opens a session on a fresh connection. It owns the connection.
func open(ctx context.Context, conn net.Conn, way redial) (*Session, error) {
	g, err := way.greet(ctx, conn)
	if err != nil {
		return nil, err
	}
	welcome, err := way.introduce(ctx, g, way.hello)
	if err != nil {
		return nil, err
	}
	s := newSession(conn, g.shown, g.pulse, g.reader, way.cfg.Timing)
	s.welcome, s.again, s.Alive = welcome, way, way.cfg.Alive
	s.line.settle()
	s.start(way.cfg.Handler)
	if err := s.fetchHeld(ctx, welcome); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// greeting is a connection whose ends have proved who they are and have agreed on a version.
type greeting struct {
	conn   net.Conn
	shown  *Shown
	pulse  *pulse
	reader *bufio.Reader
}

// greet does the first part of the handshake, after which either side accepts the other's certificate.
// It closes the connection if that fails.
func (d redial) greet(ctx context.Context, conn net.Conn) (*greeting, error) {
	p := &pulse{conn: conn}
	g := &greeting{conn: conn, pulse: p, reader: bufio.NewReader(p)}
	return g, d.within(ctx, conn, func() error {
		own := d.cfg.Identity.leaf()
		if c, ok := conn.(*tls.Conn); ok {
			if err := c.HandshakeContext(ctx); err != nil {
				return err
			}
			g.shown = d.cfg.Identity.shown(c.ConnectionState(), own, x509.ExtKeyUsageServerAuth, []Role{RoleDonor})
			if err := d.accept(peerOf(conn).Name); err != nil {
				return err
			}
			if err := g.shown.Check(time.Now()); err != nil {
				return err
			}
		}
		if _, err := conn.Write(preamble()); err != nil {
			return readBeforeWriteError(g.reader, err)
		}
		version, err := readPreamble(g.reader)
		if err == nil && version != Version {
			err = otherVersion(version)
		}
		return err
	})
}

func (d redial) accept(name string) error {
	if d.cfg.Accept == nil {
		return nil
	}
	return d.cfg.Accept(name)
}

// introduce does the rest of the handshake. It closes the connection if that fails.
func (d redial) introduce(ctx context.Context, g *greeting, hello *Hello) (*Welcome, error) {
	var welcome *Welcome
	err := d.within(ctx, g.conn, func() error {
		b, err := appendFrame(nil, 0, false, hello)
		if err != nil {
			return err
		}
		if _, err := g.conn.Write(b); err != nil {
			return readBeforeWriteError(g.reader, err)
		}
		f, err := readFrame(g.reader)
		if err != nil {
			return err
		}
		m, err := decode(f)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		switch m := m.(type) {
		case *Failure:
			return m
		case *Welcome:
			welcome = m
			return nil
		}
		return fmt.Errorf("%w: %v where Welcome belongs", ErrProtocol, f.kind)
	})
	return welcome, err
}

// within does a part of the handshake until the context ends. It closes the connection if that fails.
func (d redial) within(ctx context.Context, conn net.Conn, do func() error) error {
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := do()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	rawClose(conn)
	if ctxErr := ctx.Err(); errors.Is(ctxErr, context.Canceled) {
		return fmt.Errorf("%s: %w", d.addr, ctxErr)
	}
	return explain(err, d.addr, d.cfg.Identity)
}

// readBeforeWriteError returns what the peer sent before it closed the connection, rather than the
// error of the failed write. In TLS 1.3 the peer's verdict on this side's certificate comes late.
func readBeforeWriteError(r *bufio.Reader, writeErr error) error {
	if _, err := r.Peek(1); err != nil {
		return err
	}
	return writeErr
}

// fetchHeld completes the list of held slabs in a Welcome.
func (s *Session) fetchHeld(ctx context.Context, w *Welcome) error {
	if w.HeldTotal > maxHeld {
		return fmt.Errorf("%v: %w: the donor holds %d slabs, at most %d are allowed", s.Peer(), ErrProtocol, w.HeldTotal, maxHeld)
	}
	for len(w.Held) < int(w.HeldTotal) {
		held, err := ask[*Held](ctx, s, &QueryHeld{From: uint32(len(w.Held))})
		if err != nil {
			return err
		}
		if len(held.Slabs) == 0 || len(w.Held)+len(held.Slabs) > int(w.HeldTotal) {
			return fmt.Errorf("%v: %w: the list of held slabs does not add up to %d", s.Peer(), ErrProtocol, w.HeldTotal)
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
