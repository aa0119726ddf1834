package control

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

// farewell is how long a connection that ends tries to tell its peer why.
const farewell = 250 * time.Millisecond

func raw(conn net.Conn) net.Conn {
	if c, ok := conn.(*tls.Conn); ok {
		return c.NetConn()
	}
	return conn
}

// rawClose closes a connection without TLS's goodbye, which could wait for a
// peer that no longer reads.
func rawClose(conn net.Conn) { _ = raw(conn).Close() }

// halfClose ends this side's direction: the peer reads what was sent, then EOF.
// A connection that cannot be half closed stays open.
func halfClose(conn net.Conn) {
	if c, ok := raw(conn).(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
}

// lingerClose lets the peer read what it was told. Closing with unread bytes of
// the peer's in the queue would send a reset, which can overtake it.
func lingerClose(conn net.Conn) {
	halfClose(conn)
	c := raw(conn)
	_ = c.SetDeadline(time.Now().Add(farewell))
	_, _ = io.Copy(io.Discard, io.LimitReader(c, maxFrame))
	_ = c.Close()
}
