package netlimit

import (
	"fmt"
	"net"
)

// Listener is a TCP listener with a door.
type Listener struct {
	*net.TCPListener
	door *Door
}

// Listen listens on host:port. Errors are the network's.
func Listen(address string, l Limits) (*Listener, error) {
	inner, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err // says "listen tcp ADDRESS: …" already
	}
	tcp, ok := inner.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listen on %s: the network gave a %T", address, inner)
	}
	return &Listener{TCPListener: tcp, door: NewDoor(l)}, nil
}

// Accept waits for the next connection. The connection is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptConn()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptConn is Accept with the type of its result.
func (l *Listener) AcceptConn() (*Conn, error) {
	tcp, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return l.door.Admit(tcp), nil
}

// Stats returns the figures of the listener's door.
func (l *Listener) Stats() Stats { return l.door.Stats() }
