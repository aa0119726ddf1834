package control

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/farswap/farswap/netlimit"
)

// admit does the donor's side of the handshake and starts the session.
func (l *Listener) admit(ctx context.Context, conn net.Conn, svc Service) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timing.Handshake)
	defer cancel()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	p := &pulse{conn: conn}
	r := bufio.NewReader(p)
	hello, err := l.readHello(ctx, conn, r)
	if err != nil {
		return nil, err
	}
	s := newSession(conn, l.shownOn(conn), p, r, l.cfg.Timing)
	if err := l.remember(s); err != nil {
		return nil, refuse(conn, err)
	}
	if err := netlimit.Of(conn).Prove(); err != nil {
		l.forget(s)
		return nil, err
	}
	welcome, handler, err := svc.Admit(ctx, s, hello)
	if err != nil {
		l.forget(s)
		return nil, refuse(conn, err)
	}
	s.held = welcome.Held
	first := *welcome
	first.Held = s.held[:min(len(s.held), MaxList)]
	first.HeldTotal = uint32(len(s.held))
	b, err := appendFrame(nil, 0, true, &first)
	if err == nil {
		_, err = conn.Write(b)
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		l.forget(s)
		svc.Ended(s)
		return nil, err
	}
	s.start(handler)
	return s, nil
}

// shownOn returns the certificate of the device.
func (l *Listener) shownOn(conn net.Conn) *Shown {
	if c, ok := conn.(*tls.Conn); ok {
		return l.cfg.Identity.ShownBy(c.ConnectionState(), RoleDevice)
	}
	return nil
}

// plainAlert is the TLS alert handshake_failure. crypto/tls does not send it to a peer without
// TLS; an insecure device understands it: see readPreamble.
var plainAlert = []byte{0x15, 0x03, 0x03, 0, 2, 2, 40}

// readHello answers the preamble with its own even if the peer has another version, so that the
// peer can report the versions, too.
func (l *Listener) readHello(ctx context.Context, conn net.Conn, r *bufio.Reader) (*Hello, error) {
	if c, ok := conn.(*tls.Conn); ok {
		if err := c.HandshakeContext(ctx); err != nil {
			if errors.As(err, &tls.RecordHeaderError{}) {
				_, _ = c.NetConn().Write(plainAlert)
			}
			return nil, err
		}
	}
	version, err := readPreamble(r)
	if err == nil || errors.Is(err, ErrProtocol) {
		if _, err := conn.Write(preamble()); err != nil {
			return nil, err
		}
	}
	switch {
	case err != nil:
		return nil, err
	case version != Version:
		return nil, otherVersion(version)
	}
	f, err := readFrame(r)
	if err != nil {
		if errors.Is(err, ErrProtocol) {
			return nil, refuse(conn, err)
		}
		return nil, err
	}
	m, err := decode(f)
	if err != nil {
		return nil, refuse(conn, fmt.Errorf("%w: %w", ErrProtocol, err))
	}
	hello, ok := m.(*Hello)
	if !ok || f.reply {
		return nil, refuse(conn, fmt.Errorf("%w: %v where Hello belongs", ErrProtocol, f.kind))
	}
	return hello, nil
}

// refuse sends the device the reason for its refusal and returns the reason.
func refuse(conn net.Conn, why error) error {
	if b, err := appendFrame(nil, 0, false, failureOf(why)); err == nil {
		_, _ = conn.Write(b)
	}
	return why
}
