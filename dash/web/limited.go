package web

import (
	"net"
	"sync"
)

// limited is a listener that closes connections beyond a number at once. So a client that
// opens many connections cannot use up the process's files.
type limited struct {
	net.Listener
	places chan struct{}
}

// Accept waits for a connection for which there is a place.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			_ = c.Close()
		}
	}
}

// placed is a connection that gives its place back when it is closed.
type placed struct {
	net.Conn
	leave func()
}

// Close is part of net.Conn.
func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}
