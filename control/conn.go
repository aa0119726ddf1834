package control

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

// farewell is how long an ending connection tries to tell its peer the reason.
const farewell = 250 * time.Millisecond

func raw(conn net.Conn) net.Conn {
	if c, ok := conn.(*tls.Conn); ok {
		return c.NetConn()
	}
	return conn
}

// rawClose closes a connection without the closing message of TLS, which could wait for a peer that
// no longer reads.
func rawClose(conn net.Conn) { _ = raw(conn).Close() }

// halfClose ends this side's direction: the peer reads the rest and then EOF. A connection that
// does not support half close stays open.
func halfClose(conn net.Conn) {
	if c, ok := raw(conn).(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// lingerClose closes a connection after the peer had time to read the last message. A close with
// unread bytes of the peer in the queue would send a reset, which can overtake the message.
func lingerClose(conn net.Conn) {
	halfClose(conn)
	c := raw(conn)
	_ = c.SetDeadline(time.Now().Add(farewell))
	_, _ = io.Copy(io.Discard, io.LimitReader(c, maxFrame))
	_ = c.Close()
}
